"""Pages where a person plays Salesforce staff."""
