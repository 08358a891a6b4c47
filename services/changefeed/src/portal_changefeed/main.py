"""Wiring: Salesforce's Pub/Sub API in, the outbox out; one instance at a time."""

from portal_changefeed.check_setup import event_look
from portal_changefeed.election import Election
from portal_changefeed.feed import Feed
from portal_changefeed.follow_topic import Patience
from portal_changefeed.pubsub import Endpoint, GrpcPubSub
from portal_changefeed.settings import ChangefeedSettings
from portal_changefeed.store import UNDECODABLE
from portal_changefeed.watch_allocations import WatchAllocations
from portal_chassis.pruning import deleting
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_salesforce import Salesforce, SalesforceSettings


async def wire(service: Service) -> None:
    """Join the parts."""
    settings = ChangefeedSettings()
    org = SalesforceSettings()
    salesforce = Salesforce(org)  # for its token and the org's limits: records are read by their owners
    endpoint = Endpoint(org.pubsub_endpoint, org.ca_bundle, settings.ping_seconds, settings.ping_answer_seconds)
    feed = Feed(
        database=service.database,
        pubsub=lambda: GrpcPubSub(endpoint, salesforce.tokens),
        now=service.clock.now,
        patience=Patience(watchdog=settings.watchdog_seconds),
        election=Election(service.database),
        allocations=WatchAllocations(salesforce.limits),
    )
    service.background("salesforce event bus", feed.run)
    months = service.settings.retention_event_months
    service.pruning.add("undecodable events", deleting("changefeed_undecodable_event", UNDECODABLE, lambda: (months,)))
    serve_setup(service, event_look(salesforce, lambda: GrpcPubSub(endpoint, salesforce.tokens)))
    service.on_stop(salesforce.close)
