-- What `lianyun fsck` holds registers and the access log against. Digests are SHA-256, computed by the process that writes (services/trail):
-- a trigger would vouch for whatever is changed by hand as well.

-- Each change of a register as whoever made it says it. An entry's digest covers the one before it.
CREATE TABLE lianyun.audit_trail (
    register text   NOT NULL COLLATE "C",    -- the table
    no       bigint NOT NULL,                -- 1, 2, 3, ... of the register, without gaps
    key      text   NOT NULL COLLATE "C",    -- of the row
    change   text   NOT NULL,                -- JSON: the columns that were written; null: the row was taken away
    digest   bytea  NOT NULL,
    PRIMARY KEY (register, no)
);
-- The last entry of each register, elsewhere: so it shows when entries are cut off.
CREATE TABLE lianyun.audit_head (
    register text   PRIMARY KEY COLLATE "C",
    entries  bigint NOT NULL,
    digest   bytea  NOT NULL
) WITH (fillfactor = 50);
INSERT INTO lianyun.audit_head (register, entries, digest)
SELECT name, 0, ''::bytea FROM unnest(ARRAY[
    'access_log', 'access_log_approval', 'access_log_opening', 'access_log_sealed', 'access_log_shown', 'api_answer', 'api_client',
    'api_client_key', 'api_secret', 'credit_record', 'dead_letter_outcome', 'financing_acknowledged', 'financing_external',
    'financing_version', 'migration', 'platform_event', 'registry_event', 'webhook_message', 'webhook_secret', 'webhook_subscription'
]) AS r (name);

CREATE FUNCTION lianyun.audit_trail_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the audit trail are never changed or removed';
END
$$;
CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.audit_trail
    FOR EACH ROW EXECUTE FUNCTION lianyun.audit_trail_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.audit_trail
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.audit_trail_is_final();

-- Lines of the access log stand in streams, one of each session that writes, so that no request waits for another's: a line's seal
-- covers the line and the seal before it. Lines without are of an older release.
ALTER TABLE lianyun.access_log ADD COLUMN answer bytea, ADD COLUMN stream integer, ADD COLUMN place bigint, ADD COLUMN seal bytea;
ALTER TABLE lianyun.access_log_sealed
    ADD COLUMN answer bytea, ADD COLUMN stream integer, ADD COLUMN place bigint, ADD COLUMN seal bytea;
-- The last line of each stream.
CREATE TABLE lianyun.access_stream (
    log    text    NOT NULL COLLATE "C",     -- the table
    stream integer NOT NULL,                 -- the process of the database that writes it
    lines  bigint  NOT NULL,
    seal   bytea   NOT NULL,
    PRIMARY KEY (log, stream)
) WITH (fillfactor = 50);

-- The seal of an answer is named by the line of the request that it was given to (access_log.answer), so a missing one shows until
-- it may be forgotten.
ALTER TABLE lianyun.api_answer ADD COLUMN seal bytea;
CREATE TABLE lianyun.api_answer_purge (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    given bigint  NOT NULL                   -- the latest answer that was forgotten
) WITH (fillfactor = 50);
INSERT INTO lianyun.api_answer_purge (given) VALUES (0);

-- Messages to parties, and how far the telling of each got. A delivery is settled by the statement that takes the answer down, so its
-- seal is computed there; what has no seal is of an older release.
ALTER TABLE lianyun.webhook_message ADD COLUMN seal bytea;
ALTER TABLE lianyun.webhook_delivery ADD COLUMN seal bytea;
CREATE FUNCTION lianyun.webhook_delivery_seal(
    subscription text, message text, state text, attempts integer, due bigint, last_attempt bigint, status integer, detail text, same text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(
    jsonb_build_array(subscription, message, state, attempts, due, last_attempt, status, detail, same)::text, 'UTF8'));
-- How many rows with a seal there are: messages of a UTC day, deliveries of a subscription.
CREATE TABLE lianyun.webhook_tally (
    name text   PRIMARY KEY COLLATE "C",
    rows bigint NOT NULL
) WITH (fillfactor = 50);

-- How many decisions on financings there are, and their numbers added up: one row of each process of the database that records
-- them, so that none waits for another, and one of what older releases recorded. Numbers have gaps, so a decision that is gone leaves none.
ALTER TABLE lianyun.financing_decision ADD COLUMN stream integer;
CREATE TABLE lianyun.financing_tally (
    stream    integer PRIMARY KEY,           -- the process; 0: decisions without one
    decisions bigint  NOT NULL,
    numbers   bigint  NOT NULL               -- their sum
) WITH (fillfactor = 50);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON lianyun.audit_trail FROM lianyun_worker;
        REVOKE DELETE, TRUNCATE ON lianyun.audit_head, lianyun.access_stream, lianyun.financing_tally FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.audit_trail, lianyun.audit_head, lianyun.access_stream, lianyun.api_answer_purge,
            lianyun.webhook_tally FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT INSERT ON lianyun.audit_trail TO lianyun_api;
        GRANT SELECT, INSERT, UPDATE
            ON lianyun.audit_head, lianyun.access_stream, lianyun.api_answer_purge, lianyun.financing_tally, lianyun.webhook_tally
            TO lianyun_api;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_webhooks') THEN
        GRANT INSERT ON lianyun.audit_trail TO lianyun_webhooks;
        GRANT SELECT, INSERT, UPDATE ON lianyun.audit_head, lianyun.webhook_tally TO lianyun_webhooks;
        GRANT SELECT (no, at) ON lianyun.platform_event TO lianyun_webhooks;
    END IF;
END
$$;
