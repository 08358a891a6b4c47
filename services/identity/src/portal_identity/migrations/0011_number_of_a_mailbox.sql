-- The Customer Number an open portal gives whoever has a mailbox and no account (C08): the same one to all sign-ups of the
-- mailbox, so that two at once make one account (D05). Freed when it became a customer's.
CREATE TABLE mailbox_number (
    mailbox_hash    bytea PRIMARY KEY,
    customer_number text NOT NULL UNIQUE,
    signup_id       uuid NOT NULL REFERENCES signup (id) ON DELETE CASCADE
);
CREATE INDEX mailbox_number_by_signup ON mailbox_number (signup_id);
