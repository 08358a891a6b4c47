-- Creations an operator allowed in this round beyond the usual two, and reservations an operator took back: the next
-- one needs the caller's release first.
ALTER TABLE whmcs_order ADD COLUMN retries integer NOT NULL DEFAULT 0;
ALTER TABLE whmcs_order ADD COLUMN given_up boolean NOT NULL DEFAULT false;

-- The search for late twins that counts, and its end in business time: a later occasion takes an earlier one's place.
ALTER TABLE whmcs_order ADD COLUMN sweep integer NOT NULL DEFAULT 0;
ALTER TABLE whmcs_order ADD COLUMN swept_until timestamptz;
