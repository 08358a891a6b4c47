-- Who was given links into WHMCS, when and whereto (D03): the audit, and what the limit counts. Never the link itself.
CREATE TABLE sign_on_link (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    whmcs_client_id bigint NOT NULL,
    user_id text NOT NULL,
    destination text NOT NULL,
    related_id bigint,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sign_on_link_of_client ON sign_on_link (whmcs_client_id, asked_at);
CREATE INDEX sign_on_link_by_age ON sign_on_link (asked_at);
