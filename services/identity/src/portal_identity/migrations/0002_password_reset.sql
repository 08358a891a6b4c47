-- Every change of a password counts up; links and log-ins that began before it come too late.
ALTER TABLE portal_user ADD COLUMN password_version integer NOT NULL DEFAULT 1;

-- Asked-for resets, also of addresses nobody has: those have no user, and no link is ever minted for them.
-- A link is bound to the version its user's password had when it was minted.
CREATE TABLE password_reset (
    id               uuid PRIMARY KEY,
    request_id       text        NOT NULL UNIQUE,
    user_id          uuid, -- no foreign key: its check would be work that unknown addresses do not cause
    link_hash        bytea UNIQUE,
    link_expires_at  timestamptz,
    password_version integer,
    used_at          timestamptz,
    requested_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX password_reset_of_user ON password_reset (user_id);
CREATE INDEX password_reset_by_age ON password_reset (requested_at);
