"""What changefeed needs of the org (R146-R150, R275, R299): the platform event, to be heard and never published."""

from typing import Final

from portal_changefeed.topics import PROVISION_EVENT
from portal_salesforce.setup_needs import NUMBER_OR_TEXT, TEXT, FieldNeed, ObjectNeed

NEEDS: Final = (
    ObjectNeed(
        PROVISION_EVENT,
        "R",
        (
            FieldNeed("OrderId__c", TEXT),
            FieldNeed("IdemKey__c", TEXT, without="the Flow's own key, which is only noted (C20)"),
            FieldNeed("CorrelationId__c", TEXT, without="the Flow's correlation id"),
            FieldNeed("RequestedBy__c", TEXT, without="who approved, on the timeline"),
            FieldNeed("Version__c", NUMBER_OR_TEXT, without="the version of the event"),
        ),
    ),
)
