-- Eligibility as the portal keeps it, and carts from before signing up.

-- `facts` is the account's eligibility and the check asked for here (C25); a copy for all but the request itself.
CREATE TABLE account_eligibility (
    account_id text  PRIMARY KEY,
    facts      jsonb NOT NULL
);

-- Carts filled before signing up. Nothing personal; without an account until its customer has registered.
CREATE TABLE kept_cart (
    cart_id    text        PRIMARY KEY,
    account_id text,
    lines      jsonb       NOT NULL,
    kept_until timestamptz NOT NULL
);
CREATE INDEX kept_cart_account ON kept_cart (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX kept_cart_until ON kept_cart (kept_until);
