-- The ledger of attempts (requirements 2.1). The process `provisioning` of the same order does the work.
CREATE TABLE provisioning_attempt (
    order_id       text        NOT NULL CHECK (length(order_id) = 18),
    attempt        integer     NOT NULL CHECK (attempt > 0),
    state          text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'activated', 'failed', 'withdrawn')),
    stage          text        NOT NULL DEFAULT 'started',
    code           text,
    -- a scheduled order that is to start before its day
    early          boolean     NOT NULL DEFAULT false,
    -- the signal that opened it
    source         text        NOT NULL,
    request_id     text        NOT NULL,
    requested_by   text        NOT NULL,
    requested_at   timestamptz NOT NULL,
    -- business time
    opened_at      timestamptz NOT NULL,
    standing_since timestamptz NOT NULL,
    ended_at       timestamptz,
    PRIMARY KEY (order_id, attempt),
    CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX provisioning_attempt_one_open ON provisioning_attempt (order_id) WHERE state = 'open';

-- Every signal about an order, once, so that an absorbed one is told once.
CREATE TABLE provisioning_signal (
    order_id text        NOT NULL,
    signal   text        NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, signal)
);

-- Requests to the operator. A line takes one at a time; `line` is an EID before there is a number, else the number.
CREATE TABLE sim_operation (
    kind       text        NOT NULL CHECK (kind IN ('activate', 'voice_options')),
    order_id   text        NOT NULL,
    attempt    integer     NOT NULL,
    line       text        NOT NULL,
    state      text        NOT NULL DEFAULT 'requested'
               CHECK (state IN ('requested', 'accepted', 'unknown', 'confirmed', 'failed', 'withdrawn')),
    -- number to state: the lines the EID had before our request
    before     jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, attempt, kind)
);
CREATE UNIQUE INDEX sim_operation_one_open ON sim_operation (line) WHERE state IN ('requested', 'accepted', 'unknown');

-- The lines we have activated. Personal data; the activation code is sealed (AES-256-GCM, bound to the number).
CREATE TABLE sim_line (
    account         text        PRIMARY KEY,
    order_id        text        NOT NULL,
    eid             text        NOT NULL,
    iccid           text        NOT NULL,
    product_number  text        NOT NULL,
    plan_code       text        NOT NULL,
    network         text        NOT NULL,
    voice           boolean     NOT NULL,
    activation_code bytea,
    activated_at    timestamptz NOT NULL
);
CREATE INDEX sim_line_order ON sim_line (order_id);

-- How every order stands, for people.
CREATE VIEW provisioning AS
SELECT a.order_id, a.attempt, a.state, a.stage, a.source, p.status AS process, p.step,
       coalesce(p.code, a.code) AS code, p.because, p.due_at, a.opened_at, a.ended_at
FROM provisioning_attempt a
LEFT JOIN portal_process p ON p.kind = 'provisioning' AND p.key = a.order_id
WHERE a.attempt = (SELECT max(attempt) FROM provisioning_attempt newest WHERE newest.order_id = a.order_id);
