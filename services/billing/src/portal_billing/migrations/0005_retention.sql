-- The way to numbers of orders that were given back (portal_billing/store_retention.py); those of accepted ones are gone.
CREATE INDEX whmcs_order_numbers ON whmcs_order (asked_at)
    WHERE goal = 'release' AND (eid IS NOT NULL OR phone_number IS NOT NULL OR iccid IS NOT NULL);
