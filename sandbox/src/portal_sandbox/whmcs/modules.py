"""Provisioning modules. Most of this reseller's products have none; the VPN routers use `autorelease`."""

from collections.abc import Callable

from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Text
from portal_sandbox.whmcs.services import find_service

_RESULTS = {
    "Create": "Active",
    "Suspend": "Suspended",
    "Unsuspend": "Active",
    "Terminate": "Terminated",
    "ChangePackage": "",
}


def run_module(call: Call, service_id: int, action: str, *, only_if_assigned: bool = False) -> None:
    """Runs a module function and moves the service. ApiError with the module's text; the queue keeps the failure."""
    service = find_service(call, service_id, "Service ID not found")
    if not service["module"]:
        if only_if_assigned:
            return
        raise ApiError("Service not assigned to a module")
    error = str(call.whmcs.switch("moduleError"))
    if error:
        call.insert(
            "whmcs_module_queue",
            service_id=service_id,
            module=service["module"],
            action=action,
            error=error,
            retries=0,
            attempted=call.whmcs.stamp(),
        )
        raise ApiError(error)
    changes: dict[str, object] = {"status": _RESULTS[action]} if _RESULTS[action] else {}
    if action == "Suspend":
        changes["suspendreason"] = call.params.text("suspendreason") or "Overdue on Payment"
    if action == "Unsuspend":
        changes["suspendreason"] = ""
    if action == "Terminate":
        changes["terminationdate"] = call.whmcs.today().isoformat()
    call.update("whmcs_service", service_id, **changes)
    call.record(f"module.{action.lower()}", service_id, client_id=service["client_id"], module=service["module"])


def module_action(action: str) -> Callable[[Call], Answer]:
    """The handler of `Module<action>`."""

    def handle(call: Call) -> Answer:
        service_id = call.params.whole("serviceid") or call.params.whole("accountid")
        if not service_id:
            raise ApiError("Service ID is required")
        run_module(call, service_id, action)
        return {}

    return handle


def get_module_queue(call: Call) -> Answer:
    """GetModuleQueue: failed module calls that wait for another attempt."""
    params = call.params
    rows = call.all(
        "SELECT * FROM whmcs_module_queue WHERE completed = 0 AND (?1 = 0 OR service_id = ?1)"
        " AND (?2 = '' OR module = ?2) AND (?3 = '' OR lower(action) = lower(?3)) ORDER BY id",
        params.whole("serviceId"),
        params.text("moduleName"),
        params.text("moduleAction"),
    )
    entries = [
        {
            "id": row["id"],
            "serviceType": "service",
            "serviceId": row["service_id"],
            "moduleName": row["module"],
            "moduleAction": row["action"],
            "lastAttempt": row["attempted"],
            "lastAttemptError": Text(row["error"]),
            "numRetries": row["retries"],
            "completed": bool(row["completed"]),
        }
        for row in rows
    ]
    return {"count": len(entries), "queue": entries}
