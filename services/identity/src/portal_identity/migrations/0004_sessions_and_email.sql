-- When somebody last proved who they are: log-in, or step-up later on.
ALTER TABLE session ADD COLUMN authenticated_at timestamptz NOT NULL DEFAULT now();
UPDATE session SET authenticated_at = opened_at;

-- A wish for another address: a link proves the new mailbox, the one before is told. A later wish ends an earlier one.
CREATE TABLE email_change (
    id               uuid PRIMARY KEY,
    request_id       text        NOT NULL,
    user_id          uuid        NOT NULL REFERENCES portal_user (id),
    email            text        NOT NULL,
    comparable_email text        NOT NULL,
    former_email     text        NOT NULL,
    link_hash        bytea UNIQUE,
    link_expires_at  timestamptz,
    ended_at         timestamptz,
    confirmed_at     timestamptz,
    requested_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, request_id)
);

-- The audit only grows: the service's own role has no permission to change it. The sweep of what is past its time
-- takes the permission to delete for one transaction; nothing younger than 13 months goes even then (§5.10).
REVOKE UPDATE, DELETE, TRUNCATE ON audit_entry FROM CURRENT_USER;
DROP TRIGGER audit_entry_is_append_only ON audit_entry;
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR TRUNCATE ON audit_entry
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entry_stays_13_months BEFORE DELETE ON audit_entry
FOR EACH ROW WHEN (old.at > now() - interval '13 months') EXECUTE FUNCTION refuse_audit_change();
CREATE INDEX audit_entry_by_age ON audit_entry (at);

-- The owner is told once for each series of failures.
ALTER TABLE login_failure ADD COLUMN told_at timestamptz;
