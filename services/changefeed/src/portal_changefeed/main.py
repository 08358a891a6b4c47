"""Wiring: Salesforce's Pub/Sub API in, the outbox out; one instance at a time."""

from portal_changefeed.election import Election
from portal_changefeed.feed import Feed
from portal_changefeed.follow_topic import Patience
from portal_changefeed.pubsub import Endpoint, GrpcPubSub
from portal_changefeed.settings import ChangefeedSettings
from portal_chassis.service import Service
from portal_salesforce import Salesforce, SalesforceSettings


async def wire(service: Service) -> None:
    """Join the parts."""
    settings = ChangefeedSettings()
    org = SalesforceSettings()
    salesforce = Salesforce(org)  # only its token is used: the records behind the hints are read by their owners
    endpoint = Endpoint(org.pubsub_endpoint, org.ca_bundle, settings.ping_seconds, settings.ping_answer_seconds)
    feed = Feed(
        service.database,
        lambda: GrpcPubSub(endpoint, salesforce.tokens),
        service.clock.now,
        Patience(watchdog=settings.watchdog_seconds),
        Election(service.database),
    )
    service.background("salesforce event bus", feed.run)
    service.on_stop(salesforce.close)
