-- Customers whose accounts were deleted (D17): the mark by which nothing that comes late brings back what was forgotten.
CREATE TABLE forgotten_customer (
    user_id      text        PRIMARY KEY,
    account_id   text        NOT NULL,
    -- business time: what began later is of somebody who signed up anew
    begun_until  timestamptz NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX forgotten_customer_account ON forgotten_customer (account_id);

-- A forgotten order keeps ids, items, amounts and dates; whoever writes it again, the person stays out.
ALTER TABLE customer_order ADD COLUMN forgotten boolean NOT NULL DEFAULT false;

CREATE FUNCTION customer_order_stays_nameless() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.forgotten := EXISTS (
        SELECT FROM forgotten_customer gone WHERE gone.account_id = NEW.account_id AND NEW.placed_at <= gone.begun_until
    );
    IF NEW.forgotten THEN
        NEW.facts := NEW.facts
            || '{"address": null, "eid": null, "porting": null, "error_text": null, "traceparent": null}';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER customer_order_stays_nameless BEFORE INSERT OR UPDATE ON customer_order
    FOR EACH ROW EXECUTE FUNCTION customer_order_stays_nameless();

-- Its timeline is gone, and does not begin anew.
CREATE FUNCTION order_timeline_stays_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM customer_order WHERE order_id = NEW.order_id AND forgotten) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER order_timeline_stays_forgotten BEFORE INSERT ON order_timeline
    FOR EACH ROW EXECUTE FUNCTION order_timeline_stays_forgotten();
