-- An open portal takes forms without a Customer Number and gives one (C08).
ALTER TABLE signup ALTER COLUMN customer_number DROP NOT NULL;
CREATE INDEX signup_by_age ON signup (kept_at);

-- Somebody who knows the password of a WHMCS account and links it. What is known of them is sealed; the WHMCS password
-- is nowhere. `proven_at` stays empty until the mailed code was given where WHMCS has a second factor (C21).
CREATE TABLE linking (
    id              uuid PRIMARY KEY,
    token_hash      bytea       NOT NULL UNIQUE,
    sealed_details  bytea,
    password_hash   text        NOT NULL,
    code_hash       bytea,
    code_expires_at timestamptz,
    code_tries      integer     NOT NULL DEFAULT 0,
    proven_at       timestamptz,
    kept_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX linking_by_age ON linking (kept_at);
