-- Ways to what is past its time (portal_fulfillment/postgres_retention.py). Signals come in the order of their times.
CREATE INDEX provisioning_signal_seen ON provisioning_signal USING brin (seen_at);
CREATE INDEX sim_operation_numbers ON sim_operation (updated_at)
    WHERE line <> '' AND state IN ('confirmed', 'failed', 'withdrawn');
CREATE INDEX line_change_ended ON line_change (ended_at) WHERE ended_at IS NOT NULL;
