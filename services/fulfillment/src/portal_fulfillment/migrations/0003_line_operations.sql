-- What customers do with a line later is an operation as well: one at a time, and some keep a distance (freebit.md 5).
-- `order_id` is then the id of the customer's request.
ALTER TABLE sim_operation DROP CONSTRAINT sim_operation_kind_check;
ALTER TABLE sim_operation ADD CONSTRAINT sim_operation_kind_check CHECK (
    kind IN ('activate', 'voice_options', 'change_voice_options', 'top_up', 'change_plan', 'change_network', 'reissue',
             'cancel_line'));
-- when its newest request went out, business time
ALTER TABLE sim_operation ADD COLUMN sent_at timestamptz;
CREATE INDEX sim_operation_sent ON sim_operation (line, sent_at) WHERE sent_at IS NOT NULL;
