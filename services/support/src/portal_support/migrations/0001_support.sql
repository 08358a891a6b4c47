-- Writes to Salesforce for which it keeps no key: begun before the write, finished after it. Keys and digests alone.
CREATE TABLE case_write (
    kind        text        NOT NULL,
    owner       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    begun_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    record_id   text,
    PRIMARY KEY (kind, owner, key)
);
CREATE INDEX case_write_begun_at ON case_write (begun_at);

-- What a case is about, as its customer said when opening it.
CREATE TABLE case_link (
    case_id    text PRIMARY KEY,
    order_id   text,
    service_id bigint,
    CHECK (order_id IS NOT NULL OR service_id IS NOT NULL)
);

-- What was told of a case, so that it is told once, and so that a case that was closed is known to be open again.
CREATE TABLE case_news (
    seq       bigint GENERATED ALWAYS AS IDENTITY,
    update_id text PRIMARY KEY,
    case_id   text        NOT NULL,
    change    text        NOT NULL CHECK (change IN ('answered', 'closed', 'reopened')),
    told_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX case_news_case ON case_news (case_id, seq DESC);
CREATE INDEX case_news_told_at ON case_news (told_at);
