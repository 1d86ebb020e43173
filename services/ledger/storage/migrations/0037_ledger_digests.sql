-- What `lianyun fsck` holds the ledger and the dead letters against where no signature says it. Digests are SHA-256, made by whoever writes.

-- Over what the platform itself says of each event of a batch (number, append time, place in the log, key, versions, identity and content),
-- and over the batch's own row. Null: accepted by an older release.
ALTER TABLE lianyun.batch ADD COLUMN digest bytea;

-- Over what stays as it was put down: digest, publisher and the bytes that are held of it. Null: put down by an older release.
ALTER TABLE lianyun.dead_letter ADD COLUMN seal bytea;

-- Offsets under which a partition had no record for us: ends of transactions of its producers, records that the log has lost. Whoever moves
-- a partition over such leaves a row, whatever release it is of; those of before have one row together.
CREATE TABLE lianyun.log_hole (
    no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text    NOT NULL COLLATE "C",
    part  integer NOT NULL,
    first bigint  NOT NULL,  -- of the offsets [first, next) that were passed
    next  bigint  NOT NULL,
    holes bigint  NOT NULL,  -- of them
    at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    by    text    NOT NULL DEFAULT session_user
);
CREATE INDEX log_hole_partition ON lianyun.log_hole (topic, part);
CREATE FUNCTION lianyun.note_log_hole() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO lianyun.log_hole (topic, part, first, next, holes)
    VALUES (NEW.topic, NEW.part, OLD.next_offset, NEW.next_offset, NEW.holes - OLD.holes);
    RETURN NULL;
END
$$;
CREATE TRIGGER log_hole AFTER UPDATE ON lianyun.kafka_offset
    FOR EACH ROW WHEN (NEW.holes <> OLD.holes) EXECUTE FUNCTION lianyun.note_log_hole();
INSERT INTO lianyun.log_hole (topic, part, first, next, holes, by)
SELECT topic, part, beginning, next_offset, holes, 'an older release' FROM lianyun.kafka_offset WHERE holes > 0;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON lianyun.log_hole FROM lianyun_worker;
    END IF;
END
$$;
