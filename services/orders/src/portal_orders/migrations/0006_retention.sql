-- Ways to what is past its time (portal_orders/store_retention.py). Timelines grow at their end: a block range index costs
-- a new entry nothing.
CREATE INDEX order_timeline_at ON order_timeline USING brin (at);
CREATE INDEX checkout_settled ON checkout (expires_at) WHERE state <> 'working';
CREATE INDEX internet_claim_released ON internet_claim (released_at) WHERE released_at IS NOT NULL;
CREATE INDEX system_difference_closed ON system_difference (closed_at) WHERE closed_at IS NOT NULL;
