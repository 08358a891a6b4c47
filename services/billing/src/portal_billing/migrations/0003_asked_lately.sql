-- When somebody last wanted something of the order, in business time: only an order asked for just now is made.
ALTER TABLE whmcs_order ADD COLUMN asked_at timestamptz;
