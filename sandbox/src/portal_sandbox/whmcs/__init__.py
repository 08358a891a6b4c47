"""WHMCS as its External API and client area behave (reference/whmcs.md)."""
