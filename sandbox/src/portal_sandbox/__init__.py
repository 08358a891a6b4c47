"""Stand-ins for Salesforce, WHMCS, Freebit and SendGrid."""
