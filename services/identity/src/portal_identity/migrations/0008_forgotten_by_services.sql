-- What each service that keeps something about customers has forgotten stands beside the vendors (D17).
ALTER TABLE deletion_proof DROP CONSTRAINT deletion_proof_system_check;
ALTER TABLE deletion_proof ADD CONSTRAINT deletion_proof_system_check CHECK (
    system IN ('portal', 'salesforce', 'whmcs', 'orders', 'billing', 'fulfillment', 'support', 'notifications'));
CREATE INDEX deletion_of_user ON deletion (user_id) WHERE erased_at IS NOT NULL;
