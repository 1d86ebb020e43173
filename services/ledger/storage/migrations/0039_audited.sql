-- deploy: after
-- No process writes without its seal any more. What older releases wrote, `lianyun db migrate` has entered into the audit trail before.
ALTER TABLE lianyun.access_log
    DROP CONSTRAINT IF EXISTS access_log_has_seal, ADD CONSTRAINT access_log_has_seal CHECK (seal IS NOT NULL) NOT VALID;
ALTER TABLE lianyun.access_log_sealed
    DROP CONSTRAINT IF EXISTS access_log_sealed_has_seal, ADD CONSTRAINT access_log_sealed_has_seal CHECK (seal IS NOT NULL) NOT VALID;
ALTER TABLE lianyun.api_answer
    DROP CONSTRAINT IF EXISTS api_answer_has_seal, ADD CONSTRAINT api_answer_has_seal CHECK (seal IS NOT NULL) NOT VALID;
ALTER TABLE lianyun.webhook_message
    DROP CONSTRAINT IF EXISTS webhook_message_has_seal, ADD CONSTRAINT webhook_message_has_seal CHECK (seal IS NOT NULL) NOT VALID;
