-- A form that waits for its mailbox to be proven, or is on its way. The form is sealed and forgotten once it was used.
CREATE TABLE signup (
    id               uuid PRIMARY KEY,
    request_id       text        NOT NULL UNIQUE,
    customer_number  text        NOT NULL,
    sealed_form      bytea,
    password_hash    text        NOT NULL,
    link_hash        bytea UNIQUE,
    link_expires_at  timestamptz,
    kept_at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE portal_user (
    id               uuid PRIMARY KEY,
    email            text        NOT NULL,
    comparable_email text        NOT NULL UNIQUE,
    family_name      text        NOT NULL,
    given_name       text        NOT NULL,
    locale           text        NOT NULL CHECK (locale IN ('ja', 'en')),
    password_hash    text        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- The portal's truth about who is who in the three systems: unique on each id (R006).
CREATE TABLE customer_link (
    user_id         uuid   PRIMARY KEY REFERENCES portal_user (id),
    account_id      text   NOT NULL UNIQUE CHECK (length(account_id) = 18),
    whmcs_client_id bigint NOT NULL UNIQUE,
    customer_number text   NOT NULL UNIQUE,
    linked_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE session (
    id             uuid PRIMARY KEY,
    token_hash     bytea       NOT NULL UNIQUE,
    csrf_token     text        NOT NULL,
    user_id        uuid        NOT NULL REFERENCES portal_user (id),
    opened_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at   timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    client_address text        NOT NULL,
    user_agent     text        NOT NULL
);
CREATE INDEX session_of_user ON session (user_id);

-- Counts in fixed windows (D18). Keys are digests: the table tells nobody who tried.
CREATE TABLE rate_window (
    scope     text        NOT NULL,
    key       bytea       NOT NULL,
    opened_at timestamptz NOT NULL,
    count     integer     NOT NULL,
    PRIMARY KEY (scope, key, opened_at)
);

CREATE TABLE login_failure (
    account       bytea PRIMARY KEY,
    failures      integer     NOT NULL,
    blocked_until timestamptz NOT NULL,
    last_at       timestamptz NOT NULL
);

-- What happened to whose account (R050). Rows are added and never changed.
CREATE TABLE audit_entry (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    user_id uuid,
    event   text        NOT NULL,
    facts   jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_entry_user ON audit_entry (user_id, id);
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit entries are never changed'; END $$;
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
