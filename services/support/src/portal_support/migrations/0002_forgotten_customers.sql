-- Whose cases these rows are about, so that they can be forgotten; rows from before have nobody's name either.
ALTER TABLE case_link ADD COLUMN account_id text;
ALTER TABLE case_link ADD COLUMN kept_at timestamptz NOT NULL DEFAULT clock_timestamp();
ALTER TABLE case_news ADD COLUMN account_id text;
CREATE INDEX case_link_account ON case_link (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX case_news_account ON case_news (account_id) WHERE account_id IS NOT NULL;

-- Customers whose accounts were deleted (D17): what staff do to their old cases later is told to nobody.
CREATE TABLE forgotten_customer (
    user_id      text        PRIMARY KEY,
    account_id   text        NOT NULL,
    -- business time: what began later is of somebody who signed up anew
    begun_until  timestamptz NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX forgotten_customer_account ON forgotten_customer (account_id);
