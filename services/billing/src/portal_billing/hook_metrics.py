"""Figures of the events WHMCS posts."""

from typing import Final

from portal_chassis.metrics import counter

HOOKS: Final = counter("portal_whmcs_hooks", "Events posted by WHMCS, by what became of them", "outcome")
