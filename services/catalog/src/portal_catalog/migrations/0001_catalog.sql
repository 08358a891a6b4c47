-- The last catalog read from Salesforce, so that a restart answers at once and also while Salesforce is away.
CREATE TABLE catalog_snapshot (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version text        NOT NULL,
    read_at timestamptz NOT NULL,
    body    text        NOT NULL
);
