-- Ids of messages are digests of what was committed, which has numbers: 32 random bytes in front of them let nobody find
-- out by trying how much was committed for others. Made once, and shown to who makes messages alone.
CREATE TABLE lianyun.webhook_salt (
    salt bytea NOT NULL
);
INSERT INTO lianyun.webhook_salt
VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_webhooks') THEN
        GRANT SELECT ON lianyun.webhook_salt TO lianyun_webhooks;
    END IF;
END $$;
