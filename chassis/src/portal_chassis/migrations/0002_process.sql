-- Durable processes: one row each, one step at a time. See portal_chassis/process.py.

CREATE TABLE portal_process (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text        NOT NULL,
    key           text        NOT NULL,
    status        text        NOT NULL
                  CHECK (status IN ('running', 'waiting', 'blocked', 'needs_human', 'done', 'failed', 'cancelled')),
    step          text        NOT NULL,
    state         jsonb       NOT NULL,
    -- business time; null means that nothing happens by itself
    due_at        timestamptz,
    -- raised by every write of a worker: a write that names an older one comes from somebody who was taken over
    generation    bigint      NOT NULL DEFAULT 0,
    -- the generation of the claim, for as long as one worker keeps the process; leases run on this server's time
    lease         bigint,
    lease_until   timestamptz,
    -- a wake-up that came while a step was running
    wake_at       timestamptz,
    wake_step     text,
    attempts      integer     NOT NULL DEFAULT 0,
    failures      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    code          text,
    facts         jsonb       NOT NULL DEFAULT '{}',
    because       text        NOT NULL DEFAULT '',
    failure_code  text,
    failure_facts jsonb       NOT NULL DEFAULT '{}',
    traceparent   text,
    started_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    UNIQUE (kind, key),
    CHECK ((lease IS NULL) = (lease_until IS NULL)),
    CHECK (status NOT IN ('done', 'failed', 'cancelled') OR (due_at IS NULL AND lease IS NULL))
);
CREATE INDEX portal_process_due ON portal_process (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX portal_process_open ON portal_process (kind, status) WHERE status NOT IN ('done', 'failed', 'cancelled');

-- One row per outside call, committed before the call.
CREATE TABLE portal_process_journal (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process     bigint      NOT NULL REFERENCES portal_process (id) ON DELETE CASCADE,
    step        text        NOT NULL,
    call        text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('started', 'succeeded', 'failed', 'unknown')),
    fingerprint text        NOT NULL,
    external_id text,
    evidence    jsonb       NOT NULL DEFAULT '{}',
    attempt     integer     NOT NULL,
    generation  bigint      NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX portal_process_journal_process ON portal_process_journal (process, id);
