-- Signed calls, schedules, staff's side of the timeline, and the comparison of systems.

-- How far fulfillment said it was; NULL until it was heard of.
ALTER TABLE customer_order ADD COLUMN progress jsonb;

CREATE INDEX customer_order_reviewing ON customer_order (placed_at) WHERE state = 'pending_review';

-- What only staff see of an entry; NULL for entries written before.
ALTER TABLE order_timeline ADD COLUMN staff jsonb;

-- The trace of whoever hinted, and whether the signal may open an attempt.
ALTER TABLE order_hint ADD COLUMN traceparent text;
ALTER TABLE order_hint ADD COLUMN only_wakes boolean NOT NULL DEFAULT false;

-- Nonces of signed calls (R141), by this database's own clock.
CREATE TABLE signed_call_nonce (
    nonce    text        PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX signed_call_nonce_taken ON signed_call_nonce (taken_at);

-- What was answered under an idempotency key (R142); a repeat is signed anew, so nonce and time are no part of it.
CREATE TABLE signed_call (
    key         text        PRIMARY KEY,
    fingerprint text        NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX signed_call_answered ON signed_call (answered_at);

-- Differences between the systems (D14). An id stays for as long as its difference does.
CREATE TABLE system_difference (
    id               text        PRIMARY KEY,
    kind             text        NOT NULL,
    order_id         text,
    account_id       text,
    whmcs_client_id  bigint,
    whmcs_service_id bigint,
    facts            jsonb       NOT NULL,
    repair           text        NOT NULL,
    repairable       boolean     NOT NULL,
    first_seen_at    timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    closed_at        timestamptz
);
CREATE INDEX system_difference_open ON system_difference (kind, first_seen_at) WHERE closed_at IS NULL;

-- Accounts whose WHMCS client a comparison has looked at, so that orders of the others stand out.
CREATE TABLE compared_account (
    account_id  text        PRIMARY KEY,
    compared_at timestamptz NOT NULL
);
