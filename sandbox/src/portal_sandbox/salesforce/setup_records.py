"""What stands in the org's set-up now, as the switches say: Flows and change event selections."""

from typing import Any

from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.objects_setup import SELECTIONS
from portal_sandbox.salesforce.switches import SalesforceSwitches

AFTER_SAVE, ON_SCHEDULE = "RecordAfterSave", "Scheduled"


def setup_records(name: str, switches: SalesforceSwitches) -> list[dict[str, Any]]:
    """What is set up now, as the switches say."""
    if name == SELECTIONS:
        entities = switches.change_entities if switches.is_on("changeEvents") else ()
        return [
            {
                "Id": ids.numbered("0v8", number),
                "DeveloperName": f"ChangeEvents_{entity}ChangeEvent",
                "EventChannel": "ChangeEvents",
                "SelectedEntity": f"{entity}ChangeEvent",
            }
            for number, entity in enumerate(entities, 1)
        ]
    flows = (
        ("Order_Approval_Flow", "Order", AFTER_SAVE, switches.flow_enabled),
        ("Eligibility_Update", "Account", AFTER_SAVE, switches.is_on("eligibilityFlow")),
        ("Activation_Every_15_Minutes", "Order", ON_SCHEDULE, switches.is_on("optionAScheduledFlow")),
    )
    return [
        {
            "Id": ids.numbered("300", number),
            "DurableId": ids.numbered("300", number),
            "ApiName": api_name,
            "Label": api_name.replace("_", " "),
            "ProcessType": "AutoLaunchedFlow",
            "TriggerType": trigger,
            "TriggerObjectOrEventLabel": label,
            "ActiveVersionId": ids.numbered("301", number) if active else None,
            "IsActive": active,
        }
        for number, (api_name, label, trigger, active) in enumerate(flows, 1)
    ]
