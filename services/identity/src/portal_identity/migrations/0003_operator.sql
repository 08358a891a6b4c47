-- Who may operate the portal, and who approved that (R276). A row without a password hash is not enrolled yet, or revoked.
CREATE TABLE operator (
    id               uuid PRIMARY KEY,
    email            text        NOT NULL,
    comparable_email text        NOT NULL UNIQUE,
    roles            text[]      NOT NULL CHECK (cardinality(roles) > 0),
    approved_by      text        NOT NULL,
    granted_by       text        NOT NULL,
    granted_at       timestamptz NOT NULL DEFAULT now(),
    revoked_at       timestamptz,
    password_hash    text,
    sealed_seed      bytea,
    last_step        bigint      NOT NULL DEFAULT 0, -- of the newest one-time code used: no code works twice
    CHECK ((password_hash IS NULL) = (sealed_seed IS NULL)),
    CHECK (revoked_at IS NULL OR password_hash IS NULL)
);

-- Each token opens one enrolment; the seed is the one shown last.
CREATE TABLE operator_enrolment (
    token_hash  bytea PRIMARY KEY,
    operator_id uuid        NOT NULL REFERENCES operator (id),
    made_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    sealed_seed bytea
);
CREATE INDEX operator_enrolment_of ON operator_enrolment (operator_id);

CREATE TABLE operator_session (
    id             uuid PRIMARY KEY,
    token_hash     bytea       NOT NULL UNIQUE,
    csrf_token     text        NOT NULL,
    operator_id    uuid        NOT NULL REFERENCES operator (id),
    opened_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at   timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    client_address text        NOT NULL
);
CREATE INDEX operator_session_of ON operator_session (operator_id);
