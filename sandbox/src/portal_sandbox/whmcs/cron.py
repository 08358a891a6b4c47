"""WHMCS's daily job on the business clock: charges what is due, writes the next invoices, ends what was cancelled."""

from datetime import date, timedelta

from portal_sandbox.whmcs.billing_cycles import add_months, months_of
from portal_sandbox.whmcs.calls import Call, parse_day
from portal_sandbox.whmcs.invoices import Line, add_invoice
from portal_sandbox.whmcs.new_orders import line_description
from portal_sandbox.whmcs.payments import charge

INVOICE_DAYS_AHEAD = timedelta(days=14)
_MOST_DAYS_AT_ONCE = 400


def run_missed_days(call: Call) -> None:
    """Runs the job once for every day since it last ran; a clock moved by a month means thirty runs."""
    today = call.whmcs.today()
    row = call.one("SELECT last_day FROM whmcs_cron")
    last = parse_day(row["last_day"]) if row else today
    if last is not None and row is not None:
        day = max(last, today - timedelta(days=_MOST_DAYS_AT_ONCE))
        while day < today:
            day += timedelta(days=1)
            _run(call, day)
    call.db.execute("INSERT OR REPLACE INTO whmcs_cron VALUES (1, ?)", (today.isoformat(),))


def _run(call: Call, day: date) -> None:
    _invoice_renewals(call, day)
    if call.whmcs.switch("nightlyCapture"):
        due = call.all(
            "SELECT * FROM whmcs_invoice WHERE status = 'Unpaid' AND paymentmethod = 'stripe' AND duedate <= ?"
            " AND lastcapture = ''"
            " AND client_id IN (SELECT client_id FROM whmcs_pay_method) ORDER BY id",
            day.isoformat(),
        )
        for invoice in due:
            charge(call, invoice)
    _end_cancelled(call, day)


def _invoice_renewals(call: Call, day: date) -> None:
    horizon = (day + INVOICE_DAYS_AHEAD).isoformat()
    due = call.all(
        "SELECT s.*, p.name, p.recurring_limit FROM whmcs_service s JOIN whmcs_product p ON p.pid = s.pid"
        " WHERE s.status IN ('Active', 'Suspended') AND s.nextinvoicedate <> ''"
        " AND s.nextinvoicedate <= ? ORDER BY s.id",
        horizon,
    )
    for service in due:
        start = parse_day(service["nextinvoicedate"])
        if start is None:
            continue
        following = add_months(start, months_of(service["billingcycle"])).isoformat()
        billed = call.one(
            "SELECT count(*) AS number FROM whmcs_invoice_item WHERE type = 'Hosting' AND relid = ?", service["id"]
        )
        limit = service["recurring_limit"]
        if limit and billed is not None and billed["number"] >= limit:
            call.update("whmcs_service", service["id"], status="Completed", nextinvoicedate="")
            continue
        line = Line(
            line_description(service["name"], start, service["billingcycle"]),
            service["recurring"],
            "Hosting",
            service["id"],
        )
        invoice_id = add_invoice(call, service["client_id"], [line], service["paymentmethod"], dated=day, due=start)
        call.mail(service["client_id"], "Invoice Created", invoice_id)
        call.update("whmcs_service", service["id"], nextinvoicedate=following)


def _end_cancelled(call: Call, day: date) -> None:
    rows = call.all(
        "SELECT s.id, s.client_id, s.nextduedate, r.type FROM whmcs_cancel_request r JOIN whmcs_service s"
        " ON s.id = r.service_id WHERE s.status IN ('Active', 'Suspended')"
    )
    for row in rows:
        if row["type"] == "Immediate" or (row["nextduedate"] and row["nextduedate"] <= day.isoformat()):
            call.update(
                "whmcs_service", row["id"], status="Cancelled", terminationdate=day.isoformat(), nextinvoicedate=""
            )
            call.record("service.cancelled", row["id"], client_id=row["client_id"])
            call.hook("ServiceEdit", row["client_id"], service_id=row["id"])
