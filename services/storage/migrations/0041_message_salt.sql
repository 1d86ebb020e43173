-- Ids of messages are digests of what was committed, which has numbers: 32 random bytes in front of them let nobody find
-- out by trying how much was committed for others. Made once, with the row (there are three); never shown.
ALTER TABLE lianyun.webhook_cursor ADD COLUMN salt bytea;
ALTER TABLE lianyun.webhook_cursor ALTER COLUMN salt
    SET DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
UPDATE lianyun.webhook_cursor
SET salt = decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
