"""Everything WHMCS."""
