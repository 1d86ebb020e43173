-- deploy: before
-- The transparency log: entries over what was accepted, in the order in which it joined the log; the tiles of their tree, and its head.

-- One row where there is a log, made by a command and by nothing else.
CREATE TABLE lianyun.transparency_head (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    key        text    NOT NULL,             -- the verifier key of the log (C2SP signed-note); its name is the origin
    size       bigint  NOT NULL CHECK (size >= 0),
    root       bytea   NOT NULL CHECK (octet_length(root) = 32),
    checkpoint text    NOT NULL,             -- size and root, signed by the log
    at         bigint  NOT NULL,             -- when it was signed, UTC microseconds
    cosigned   text                          -- the latest checkpoint that the quorum cosigned, with its cosignatures
) WITH (fillfactor = 50);
CREATE TABLE lianyun.transparency_entry (
    index    bigint PRIMARY KEY,             -- from 0, without gaps
    source   text   NOT NULL COLLATE "C",    -- what it is over, and
    position text   NOT NULL COLLATE "C",    -- which of these: an event's number, a decision's, "register number", "stream place"
    salt     bytea,                          -- what keeps the digest from being guessed; null: the document has its own, or it was erased
    entry    bytea  NOT NULL CHECK (octet_length(entry) <= 2048),
    UNIQUE (source, position)
);
CREATE TABLE lianyun.transparency_tile (
    level  smallint NOT NULL,
    number bigint   NOT NULL,
    hashes bytea    NOT NULL,                -- up to 256 of 32 bytes
    PRIMARY KEY (level, number)
);
-- How far each source has joined the log.
CREATE TABLE lianyun.transparency_cursor (
    source text PRIMARY KEY COLLATE "C",
    major  text NOT NULL DEFAULT '0',        -- a transaction id; '' where the source has none
    minor  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- In which transaction a message was refused first; null: before there was a log.
ALTER TABLE lianyun.dead_letter ADD COLUMN xid xid8;
ALTER TABLE lianyun.dead_letter ALTER COLUMN xid SET DEFAULT pg_current_xact_id();

CREATE FUNCTION lianyun.transparency_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the transparency log are never changed or removed';
END
$$;
CREATE TRIGGER final BEFORE DELETE OR UPDATE OF index, source, position, entry ON lianyun.transparency_entry
    FOR EACH ROW EXECUTE FUNCTION lianyun.transparency_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.transparency_entry
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.transparency_is_final();

-- Who moves entries into the log reads what joins it, and writes nothing else; a worker's refusals say in which transaction they came.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE
            ON lianyun.transparency_head, lianyun.transparency_entry, lianyun.transparency_tile, lianyun.transparency_cursor FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.transparency_entry FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_transparency') THEN
        GRANT SELECT ON lianyun.audit_trail, lianyun.audit_head, lianyun.access_stream TO lianyun_transparency;
        GRANT SELECT (stream, place, at, seal) ON lianyun.access_log, lianyun.access_log_sealed TO lianyun_transparency;
        GRANT SELECT (xid, number, at, headers, payload) ON lianyun.case_step, lianyun.financing_decision TO lianyun_transparency;
        GRANT SELECT, UPDATE ON lianyun.transparency_head TO lianyun_transparency;
        GRANT SELECT, INSERT ON lianyun.transparency_entry TO lianyun_transparency;
        GRANT SELECT, INSERT, UPDATE ON lianyun.transparency_tile, lianyun.transparency_cursor TO lianyun_transparency;
    END IF;
END
$$;
