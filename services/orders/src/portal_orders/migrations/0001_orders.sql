-- Checkouts, the read model of orders, their timelines, and hints that an order should be looked at.

-- A checkout under its idempotency key (C16). The key of a failed or expired one is free again.
CREATE TABLE checkout (
    checkout_id text        PRIMARY KEY,
    account_id  text        NOT NULL,
    key         text        NOT NULL,
    fingerprint text        NOT NULL,
    state       text        NOT NULL DEFAULT 'working' CHECK (state IN ('working', 'placed', 'failed')),
    retired     boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX checkout_key ON checkout (account_id, key) WHERE state <> 'failed' AND NOT retired;

-- An account's one Internet line from checkout to completion or cancellation (C14).
CREATE TABLE internet_claim (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  text        NOT NULL,
    checkout_id text        NOT NULL,
    order_id    text,
    claimed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at timestamptz
);
CREATE UNIQUE INDEX internet_claim_open ON internet_claim (account_id) WHERE released_at IS NULL;
CREATE INDEX internet_claim_checkout ON internet_claim (checkout_id);
CREATE INDEX internet_claim_order ON internet_claim (order_id);

-- An opportunity that found its order: never two orders on one (C13).
CREATE TABLE opportunity_taken (
    opportunity_id text PRIMARY KEY,
    order_key      text NOT NULL UNIQUE
);

-- `facts` is the whole order as the portal keeps it; the other columns are what queries need of it.
CREATE TABLE customer_order (
    order_id      text        PRIMARY KEY,
    account_id    text        NOT NULL,
    order_number  text        NOT NULL,
    state         text        NOT NULL,
    activation    text        NOT NULL,
    placed_at     timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    parked        boolean     NOT NULL DEFAULT false,
    requested_at  timestamptz,
    progressed_at timestamptz,
    facts         jsonb       NOT NULL
);
CREATE INDEX customer_order_account ON customer_order (account_id, placed_at DESC);

CREATE TABLE order_timeline_head (
    order_id      text    PRIMARY KEY,
    last_sequence integer NOT NULL
);
CREATE TABLE order_timeline (
    order_id text        NOT NULL,
    sequence integer     NOT NULL,
    at       timestamptz NOT NULL,
    entry    jsonb       NOT NULL,
    PRIMARY KEY (order_id, sequence)
);

-- Accounts whose orders from before the portal have been fetched.
CREATE TABLE account_complete (
    account_id text        PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Only inserted by consumers, so that two of them never wait for one another.
CREATE TABLE order_hint (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record_id  text        NOT NULL,
    item       boolean     NOT NULL,
    due_at     timestamptz NOT NULL,
    give_up_at timestamptz,
    signal     jsonb
);
CREATE INDEX order_hint_due ON order_hint (due_at);
