-- The bus side of a service's database: what it will announce, what it has taken, what it could not take, what it has answered.

-- An event lives here from the transaction that caused it until seven days after its publication, so that a stream that was
-- lost can be filled again.
CREATE TABLE portal_outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid        NOT NULL DEFAULT gen_random_uuid(),
    subject      text        NOT NULL,
    body         bytea       NOT NULL,
    traceparent  text,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz
);
CREATE INDEX portal_outbox_unpublished ON portal_outbox (id) WHERE published_at IS NULL;
CREATE INDEX portal_outbox_published ON portal_outbox (published_at) WHERE published_at IS NOT NULL;

-- When the stream we publish to was created, as we last saw it. Another time means another, empty stream.
CREATE TABLE portal_outbox_stream (
    stream     text PRIMARY KEY,
    created_at text NOT NULL
);

-- One row per message taken, in the transaction of its effect. Kept longer than any stream keeps messages.
CREATE TABLE portal_inbox (
    message_id text        PRIMARY KEY,
    durable    text        NOT NULL,
    taken_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX portal_inbox_taken ON portal_inbox (taken_at);

CREATE TABLE portal_dead_letter (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    durable    text        NOT NULL,
    message_id text        NOT NULL,
    subject    text        NOT NULL,
    headers    jsonb       NOT NULL,
    body       bytea       NOT NULL,
    problem    text        NOT NULL,
    delivered  integer     NOT NULL,
    buried_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    state      text        NOT NULL DEFAULT 'buried' CHECK (state IN ('buried', 'replayed', 'discarded')),
    closed_at  timestamptz,
    closed_by  text,
    reason     text,
    CHECK ((state = 'buried') = (closed_at IS NULL)),
    UNIQUE (durable, message_id)
);
CREATE INDEX portal_dead_letter_state ON portal_dead_letter (state, id);

-- A command's answer, stored with its effect, so that a repeat gets the same answer and no second effect.
CREATE TABLE portal_command (
    subject     text        NOT NULL,
    key         text        NOT NULL,
    owner       text        NOT NULL DEFAULT '',
    fingerprint bytea       NOT NULL,
    reply       bytea       NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subject, owner, key)
);
CREATE INDEX portal_command_answered ON portal_command (answered_at);
