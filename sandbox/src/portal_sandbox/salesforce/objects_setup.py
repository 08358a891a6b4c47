"""The org's own set-up as records: Flows (data API) and change event selections (Tooling API only).

Source: Salesforce's object reference, FlowDefinitionView (API 46.0), and Tooling API reference,
PlatformEventChannelMember (47.0); both need View Setup and Configuration.
"""

from portal_sandbox.salesforce.fields import Field, ObjectType, checkbox, text

FLOWS = "FlowDefinitionView"
SELECTIONS = "PlatformEventChannelMember"


def setup_objects() -> tuple[ObjectType, ...]:
    """Both objects: to be read, by who may see the set-up."""
    identifier = Field("Id", "id", length=18, createable=False, updateable=False)
    flow = (
        text("DurableId", 50).read_only(),
        text("ApiName", 80).read_only(),
        text("Label").read_only(),
        text("ProcessType", 40).read_only(),
        text("TriggerType", 40).read_only(),
        text("TriggerObjectOrEventLabel").read_only(),
        text("ActiveVersionId", 18).read_only(),
        checkbox("IsActive").read_only(),
    )
    selection = (
        text("DeveloperName", 80).read_only(),
        text("EventChannel", 80).read_only(),
        text("SelectedEntity", 80).read_only(),
    )
    return (
        ObjectType(FLOWS, "300", (identifier, *flow), deletable=False, set_up=True),
        ObjectType(SELECTIONS, "0v8", (identifier, *selection), deletable=False, set_up=True, tooling=True),
    )
