-- Cancellations of services (requirements N, C33, C34): the date is fixed by the first request and stays.
CREATE TABLE cancellation (
    cancellation_id text        PRIMARY KEY CHECK (length(cancellation_id) = 32),
    account_id      text        NOT NULL CHECK (length(account_id) = 18),
    service_id      bigint      NOT NULL,
    order_id        text        CHECK (length(order_id) = 18),
    category        text        NOT NULL CHECK (category IN ('internet', 'sim', 'vpn')),
    -- the customer's command: a repeat of it finds the cancellation again
    request         text        NOT NULL,
    fingerprint     bytea       NOT NULL,
    state           text        NOT NULL DEFAULT 'requested'
                    CHECK (state IN ('requested', 'ending', 'withdrawing', 'withdrawn', 'completed')),
    initial         boolean     NOT NULL,
    -- business time; ends_on is a Japanese day
    requested_at    timestamptz NOT NULL,
    ends_on         date        NOT NULL,
    effective_at    timestamptz NOT NULL,
    UNIQUE (account_id, request)
);
CREATE UNIQUE INDEX cancellation_one_open ON cancellation (service_id)
    WHERE state IN ('requested', 'ending', 'withdrawing');
CREATE INDEX cancellation_service ON cancellation (service_id, requested_at);
