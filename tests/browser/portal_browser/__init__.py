"""A customer's browser, watched."""
