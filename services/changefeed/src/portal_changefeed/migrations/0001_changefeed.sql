-- Where we are in each topic of Salesforce's event bus, and what could not be read (R152, R153, C29).

-- One row. The generation grows with every election; a writer with an older one has been replaced and may write nothing.
CREATE TABLE changefeed_leadership (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    generation bigint      NOT NULL,
    elected_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO changefeed_leadership (generation) VALUES (0);

-- replay_id is opaque: bytes in, the same bytes out. NULL asks for the oldest events there are.
CREATE TABLE changefeed_position (
    topic      text        PRIMARY KEY,
    replay_id  bytea,
    events     bigint      NOT NULL DEFAULT 0,
    moved_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Platform events already passed on. Saves work only: orders does not rely on it.
CREATE TABLE changefeed_seen_event (
    event_id text        PRIMARY KEY,
    seen_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX changefeed_seen_event_at ON changefeed_seen_event (seen_at);

-- Events that did not fit their schema, as they came, for people to look at.
CREATE TABLE changefeed_undecodable_event (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text        NOT NULL,
    event_id    text        NOT NULL,
    schema_id   text        NOT NULL,
    replay_id   bytea       NOT NULL,
    payload     bytea       NOT NULL,
    reason      text        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (topic, replay_id)
);
