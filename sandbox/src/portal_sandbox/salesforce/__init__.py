"""Salesforce as the portal meets it: OAuth, REST, SOQL, the approval Flow, change events and the Pub/Sub API."""
