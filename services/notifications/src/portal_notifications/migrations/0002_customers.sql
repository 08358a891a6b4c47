-- What customers turned off: a row for each topic; no row means they want it.
CREATE TABLE mail_preference (
    account_id    text        NOT NULL,
    topic         text        NOT NULL,
    turned_off_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, topic)
);

-- What the mail provider reported, each thing once. No address and no content is in it.
CREATE TABLE mail_event (
    event_id text        PRIMARY KEY,
    mail_id  text        NOT NULL,
    report   text        NOT NULL CHECK (report IN ('processed', 'deferred', 'delivered', 'bounce', 'dropped', 'spamreport')),
    at       timestamptz NOT NULL,
    words    text        NOT NULL DEFAULT ''
);
CREATE INDEX mail_event_mail ON mail_event (mail_id, at);

-- Whose mails there are, and what about.
CREATE INDEX mail_of_account ON portal_process ((state ->> 'account_id'), id) WHERE kind = 'mail';
CREATE INDEX mail_of_order ON portal_process ((state ->> 'order_id'), id) WHERE kind = 'mail';

-- A view's columns can only be added at its end. `standing` is the word people read.
CREATE OR REPLACE VIEW mail AS
SELECT p.key                               AS mail_id,
       split_part(p.key, ':', 1)           AS template,
       p.status,
       p.code                              AS problem,
       j.external_id                       AS provider_id,
       p.started_at                        AS caused_at,
       p.updated_at,
       p.id,
       p.state ->> 'account_id'            AS account_id,
       p.state ->> 'order_id'              AS order_id,
       CASE
           WHEN e.report = 'bounce' THEN 'bounced'
           WHEN e.report = 'spamreport' THEN 'complained'
           WHEN e.report IN ('delivered', 'deferred', 'dropped') THEN e.report
           WHEN e.report = 'processed' THEN 'sent'
           WHEN (p.state ->> 'turned_off')::boolean THEN 'turned_off'
           WHEN p.status = 'done' THEN 'sent'
           WHEN p.code = 'MAIL_UNCLEAR' THEN 'unclear'
           WHEN p.status IN ('failed', 'cancelled') THEN 'not_sent'
           ELSE 'waiting'
       END                                 AS standing,
       e.at                                AS reported_at,
       coalesce(e.words, '')               AS report
FROM portal_process p
LEFT JOIN LATERAL (
    SELECT external_id FROM portal_process_journal WHERE process = p.id ORDER BY id DESC LIMIT 1
) j ON true
LEFT JOIN LATERAL (
    SELECT report, at, words FROM mail_event WHERE mail_id = p.key
    ORDER BY at DESC, array_position(ARRAY ['processed', 'deferred', 'delivered', 'bounce', 'dropped', 'spamreport'], report) DESC
    LIMIT 1
) e ON true
WHERE p.kind = 'mail';
