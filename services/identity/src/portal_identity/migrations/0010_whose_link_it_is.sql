-- Wrong passwords given with the mailed link of a form (C39): after five the link is over.
ALTER TABLE signup ADD COLUMN tries integer NOT NULL DEFAULT 0;

-- Of what a reset was asked for, so that one request is never taken for another address.
ALTER TABLE password_reset ADD COLUMN fingerprint bytea;
