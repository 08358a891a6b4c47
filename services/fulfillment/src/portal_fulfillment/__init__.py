"""Provisioning and SIM actions; Freebit."""
