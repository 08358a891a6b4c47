-- Every mail and what became of it, for people: one row per cause and template.
CREATE VIEW mail AS
SELECT p.key                               AS mail_id,
       split_part(p.key, ':', 1)           AS template,
       p.status,
       p.code                              AS problem,
       j.external_id                       AS provider_id,
       p.started_at                        AS caused_at,
       p.updated_at
FROM portal_process p
LEFT JOIN LATERAL (
    SELECT external_id FROM portal_process_journal WHERE process = p.id ORDER BY id DESC LIMIT 1
) j ON true
WHERE p.kind = 'mail';
