"""Salesforce's platform event and change events as bus events."""
