"""A subset of SOQL with a real grammar; anything outside it is MALFORMED_QUERY."""
