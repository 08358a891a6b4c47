-- Wishes to be deleted, with what was done in each system (D17). They outlive the user, without personal data.
CREATE TABLE deletion (
    id              uuid PRIMARY KEY,
    request_id      text        NOT NULL,
    user_id         uuid        NOT NULL,
    account_id      text        NOT NULL,
    whmcs_client_id bigint      NOT NULL,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    erase_at        timestamptz NOT NULL,
    withdrawn_at    timestamptz,
    erased_at       timestamptz,
    UNIQUE (user_id, request_id)
);
CREATE UNIQUE INDEX deletion_open ON deletion (user_id) WHERE withdrawn_at IS NULL AND erased_at IS NULL;

CREATE TABLE deletion_proof (
    deletion_id uuid        NOT NULL REFERENCES deletion (id),
    system      text        NOT NULL CHECK (system IN ('portal', 'salesforce', 'whmcs')),
    action      text        NOT NULL,
    reason      text        NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (deletion_id, system)
);
