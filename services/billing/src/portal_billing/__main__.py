"""Starts the billing service: `python -m portal_billing`."""

from portal_billing.main import wire
from portal_chassis.service import run

if __name__ == "__main__":
    run("billing", wire, migrations="portal_billing")
