-- What operators did or tried at this service (requirement D13): rows are added and never changed.
CREATE TABLE portal_operator_action (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    operator    text        NOT NULL CHECK (operator <> ''),
    action      text        NOT NULL,
    target      text        NOT NULL,
    request_id  text        NOT NULL,
    reason      text        NOT NULL,
    carried_out boolean     NOT NULL,
    result      text        NOT NULL
);
CREATE INDEX portal_operator_action_target ON portal_operator_action (target, id);

CREATE FUNCTION portal_operator_action_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'portal_operator_action only grows' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER portal_operator_action_stays
    BEFORE UPDATE OR DELETE OR TRUNCATE ON portal_operator_action
    FOR EACH STATEMENT EXECUTE FUNCTION portal_operator_action_stays();

-- The service's own role owns the table, so it is told as well; a superuser is only held by the trigger.
REVOKE UPDATE, DELETE, TRUNCATE ON portal_operator_action FROM PUBLIC, CURRENT_USER;

-- Replays of a dead letter that failed, for its history.
CREATE TABLE portal_dead_letter_attempt (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dead_letter_id bigint      NOT NULL REFERENCES portal_dead_letter,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    operator       text        NOT NULL,
    problem        text        NOT NULL
);
CREATE INDEX portal_dead_letter_attempt_of ON portal_dead_letter_attempt (dead_letter_id, id);
