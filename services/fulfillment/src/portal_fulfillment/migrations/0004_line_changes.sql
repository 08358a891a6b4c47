-- What customers do with their lines: a line is named by its WHMCS service, and takes one change at a time (C18).
ALTER TABLE sim_line ADD COLUMN whmcs_service_id bigint;
UPDATE sim_line SET whmcs_service_id = (p.state ->> 'whmcs_service_id')::bigint
FROM portal_process p WHERE p.kind = 'provisioning' AND p.key = sim_line.order_id;
CREATE INDEX sim_line_service ON sim_line (whmcs_service_id);

CREATE TABLE line_change (
    change_id   text        PRIMARY KEY CHECK (length(change_id) = 32),
    service_id  bigint      NOT NULL,
    order_id    text        NOT NULL CHECK (length(order_id) = 18),
    account_id  text        NOT NULL CHECK (length(account_id) = 18),
    line        text        NOT NULL,
    kind        text        NOT NULL
                CHECK (kind IN ('top_up', 'change_voice_options', 'change_network', 'reissue')),
    -- the customer's command: a repeat of it finds the change again
    request     text        NOT NULL,
    fingerprint bytea       NOT NULL,
    state       text        NOT NULL DEFAULT 'working' CHECK (state IN ('working', 'unclear', 'done', 'refused')),
    code        text,
    megabytes   integer,
    price       integer,
    -- business time
    asked_at    timestamptz NOT NULL,
    ended_at    timestamptz,
    UNIQUE (account_id, request),
    CHECK ((state IN ('done', 'refused')) = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX line_change_one_open ON line_change (line) WHERE state IN ('working', 'unclear');
CREATE INDEX line_change_service ON line_change (service_id, asked_at);
