-- Schedules, operators, eSIM codes: what a person needs to see and what they asked for (requirements 2.1, C15, D11, D13).
ALTER TABLE provisioning_attempt
    -- whose order it is, once it has been read
    ADD COLUMN account_id     text CHECK (length(account_id) = 18),
    ADD COLUMN correlation_id text NOT NULL DEFAULT '',
    -- the time an attempt waits for; null when it does not
    ADD COLUMN scheduled_at   timestamptz,
    -- the operator who wants it to go the way back
    ADD COLUMN cancelled_by   text;

ALTER TABLE provisioning_signal
    -- in the order in which they came, also within one moment
    ADD COLUMN sequence       bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN source         text    NOT NULL DEFAULT '',
    ADD COLUMN request_id     text    NOT NULL DEFAULT '',
    ADD COLUMN requested_by   text    NOT NULL DEFAULT '',
    ADD COLUMN correlation_id text    NOT NULL DEFAULT '',
    ADD COLUMN verdict        text    NOT NULL DEFAULT 'absorb' CHECK (verdict IN ('open', 'wake', 'absorb')),
    -- the attempt it opened or met; 0 for one that met none
    ADD COLUMN attempt        integer NOT NULL DEFAULT 0;
UPDATE provisioning_signal SET
    source = split_part(signal, ':', 1),
    request_id = substr(signal, strpos(signal, ':') + 1);

-- An activation code is shown once: who saw it, when and for which request is committed before it is answered.
ALTER TABLE sim_line
    ADD COLUMN account_id        text CHECK (length(account_id) = 18),
    ADD COLUMN code_shown_at     timestamptz,
    ADD COLUMN code_shown_to     text,
    ADD COLUMN code_request_id   text;
CREATE INDEX sim_line_code_shown ON sim_line (code_shown_at) WHERE code_shown_at IS NOT NULL AND activation_code IS NOT NULL;

CREATE INDEX provisioning_attempt_newest ON provisioning_attempt (opened_at, order_id);

DROP VIEW provisioning;
CREATE VIEW provisioning AS
SELECT a.order_id, a.attempt, a.state, a.stage, a.source, p.status AS process, p.step,
       coalesce(p.code, a.code) AS code, p.because, p.due_at, a.opened_at, a.ended_at, a.standing_since, a.scheduled_at,
       CASE WHEN a.stage = 'cancelled' THEN 'cancelled'
            WHEN a.scheduled_at IS NOT NULL AND p.status IN ('running', 'waiting') THEN 'scheduled'
            ELSE coalesce(p.status, 'failed') END AS status
FROM provisioning_attempt a
LEFT JOIN portal_process p ON p.kind = 'provisioning' AND p.key = a.order_id
WHERE a.attempt = (SELECT max(attempt) FROM provisioning_attempt newest WHERE newest.order_id = a.order_id);
