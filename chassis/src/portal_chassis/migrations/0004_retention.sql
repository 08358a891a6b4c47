-- What is past its time is forgotten (requirements §5.10), a bounded number of rows at a time: portal_chassis/retention.py.

-- When a finished process was reduced to its proof, business time; null while it is whole.
ALTER TABLE portal_process ADD COLUMN reduced_at timestamptz;
-- By its start, which stays: an index on the time of the last write would make every write of a process touch them all.
CREATE INDEX portal_process_ended ON portal_process (kind, started_at)
    WHERE status IN ('done', 'failed', 'cancelled') AND reduced_at IS NULL;

CREATE INDEX portal_dead_letter_closed ON portal_dead_letter (closed_at) WHERE closed_at IS NOT NULL;

-- What operators did stays for 13 months whatever the setting says, and only the rounds of forgetting may take it then:
-- the right to delete is given for one transaction.
CREATE INDEX portal_operator_action_at ON portal_operator_action (at);
DROP TRIGGER portal_operator_action_stays ON portal_operator_action;
CREATE TRIGGER portal_operator_action_stays
    BEFORE UPDATE OR TRUNCATE ON portal_operator_action
    FOR EACH STATEMENT EXECUTE FUNCTION portal_operator_action_stays();
CREATE TRIGGER portal_operator_action_stays_13_months
    BEFORE DELETE ON portal_operator_action
    FOR EACH ROW WHEN (old.at > now() - interval '13 months') EXECUTE FUNCTION portal_operator_action_stays();
