-- What callers want of WHMCS's side of an order. The process `whmcs_order` reads it; its own state is in portal_process.
CREATE TABLE whmcs_order (
    order_id     text        PRIMARY KEY CHECK (length(order_id) = 18),
    goal         text        NOT NULL CHECK (goal IN ('reserve', 'accept', 'release')),
    -- the newest generation a caller has shown: an older caller was taken over
    generation   bigint      NOT NULL,
    -- 0 until something was reserved
    client_id    integer     NOT NULL DEFAULT 0,
    lines        jsonb       NOT NULL DEFAULT '[]',
    -- personal data, forgotten once the order is accepted
    eid          text,
    phone_number text,
    iccid        text,
    -- reservations that were released; each has a winner of its own
    round        integer     NOT NULL DEFAULT 1,
    -- wants so far: a problem told to one is looked at anew for the next
    ask          integer     NOT NULL DEFAULT 1,
    -- a release is under way and must end first
    closing      boolean     NOT NULL DEFAULT false,
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What was decided about a WHMCS order that carries our marker. A round has one winner, an order has one verdict: whatever
-- several workers do, only one order is ever accepted and no winner is ever cancelled as an extra.
CREATE TABLE whmcs_order_verdict (
    whmcs_order_id bigint      PRIMARY KEY,
    order_id       text        NOT NULL REFERENCES whmcs_order (order_id),
    round          integer     NOT NULL,
    winner         boolean     NOT NULL,
    decided_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX whmcs_order_one_winner ON whmcs_order_verdict (order_id, round) WHERE winner;
CREATE INDEX whmcs_order_verdict_order ON whmcs_order_verdict (order_id);
