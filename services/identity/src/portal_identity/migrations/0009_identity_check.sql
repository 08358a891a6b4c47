-- Checks under way at the eKYC provider. What is proven there is nowhere here: only that somebody was sent, and by which
-- session. `taken_at` is when the browser came back; a state is good once.
CREATE TABLE identity_check (
    state_hash bytea PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES portal_user (id),
    session_id text        NOT NULL,
    commodity  text        NOT NULL,
    nonce      text        NOT NULL,
    verifier   text        NOT NULL, -- RFC 7636; worth nothing without our key and the browser's code
    expires_at timestamptz NOT NULL,
    taken_at   timestamptz
);
CREATE INDEX identity_check_of_user ON identity_check (user_id);
