"""The Salesforce wire: token, REST, SOQL, ids, dialect."""
