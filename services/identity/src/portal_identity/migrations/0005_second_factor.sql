-- Seeds are sealed. `sealed_pending` was shown and not confirmed yet.
CREATE TABLE authenticator (
    user_id        uuid PRIMARY KEY REFERENCES portal_user (id),
    sealed_seed    bytea,
    sealed_pending bytea,
    last_step      bigint NOT NULL DEFAULT 0, -- of the newest one-time code used: no code works twice
    confirmed_at   timestamptz
);

CREATE TABLE recovery_code (
    user_id   uuid        NOT NULL REFERENCES portal_user (id),
    code_hash bytea       NOT NULL,
    used_at   timestamptz,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE passkey (
    id            uuid PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES portal_user (id),
    credential_id bytea       NOT NULL UNIQUE,
    public_key    bytea       NOT NULL,
    sign_count    bigint      NOT NULL,
    name          text        NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz
);
CREATE INDEX passkey_of_user ON passkey (user_id);

-- Each is answered once. `user_id` is who may answer; nobody in particular when it is for logging in.
CREATE TABLE passkey_challenge (
    id_hash    bytea PRIMARY KEY,
    challenge  bytea       NOT NULL,
    user_id    uuid REFERENCES portal_user (id),
    expires_at timestamptz NOT NULL
);

-- With a second factor 8 characters suffice (NIST 800-63B-4): it may not be taken away from such a password.
ALTER TABLE portal_user ADD COLUMN password_is_short boolean NOT NULL DEFAULT false;

-- Bearer tokens of customers' programs.
CREATE TABLE api_token (
    id           uuid PRIMARY KEY,
    request_id   text        NOT NULL,
    token_hash   bytea       NOT NULL UNIQUE,
    user_id      uuid        NOT NULL REFERENCES portal_user (id),
    name         text        NOT NULL,
    scopes       text[]      NOT NULL CHECK (cardinality(scopes) > 0),
    made_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_token_of_user ON api_token (user_id);
