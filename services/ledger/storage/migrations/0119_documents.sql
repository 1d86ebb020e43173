-- deploy: before
-- Transport documents: their versions, and every decision on them, signed by the platform and never changed. Times are UTC microseconds.
CREATE SEQUENCE lianyun.document_number AS bigint;
CREATE TABLE lianyun.document_decision (
    number       bigint  PRIMARY KEY,
    xid          xid8    NOT NULL DEFAULT pg_current_xact_id(),
    document     uuid    NOT NULL,
    before       bigint,            -- the latest earlier decision on the same document
    at           bigint  NOT NULL,  -- the moment under the lock
    position     bigint  NOT NULL,  -- transactions below it were all seen
    kind         text    NOT NULL COLLATE "C",
    form         text    NOT NULL COLLATE "C",
    consignment  text    NOT NULL COLLATE "C",
    action       text    NOT NULL COLLATE "C",
    outcome      text    NOT NULL COLLATE "C",
    by_party     text    NOT NULL COLLATE "C",
    request      text    NOT NULL COLLATE "C",
    version      integer NOT NULL,
    content      text    NOT NULL COLLATE "C",  -- SHA-256 of the version of the document, in hex, as the other digests
    previous     text    NOT NULL COLLATE "C",
    to_party     text    NOT NULL COLLATE "C",
    paper        text    NOT NULL,
    instruction  text    NOT NULL COLLATE "C",
    signature    text    NOT NULL COLLATE "C",  -- of the acting party over the instruction
    registry     bigint  NOT NULL,
    place        integer NOT NULL,              -- of a transfer in the chain; 0: none
    guard        text    NOT NULL COLLATE "C",
    satisfied_by text    NOT NULL,
    rules        text    NOT NULL,
    headers      bytea   NOT NULL,  -- the decision as an event of the platform, signed by its key
    payload      bytea   NOT NULL,
    UNIQUE (by_party, request)
);
CREATE UNIQUE INDEX document_decision_rests_on ON lianyun.document_decision (document, coalesce(before, 0));
CREATE UNIQUE INDEX document_decision_transfer ON lianyun.document_decision (document, place) WHERE place > 0;
CREATE INDEX document_decision_document ON lianyun.document_decision (document, number);
CREATE INDEX document_decision_xid ON lianyun.document_decision (xid, number);

-- What was drafted, as canonical JSON (RFC 8785).
CREATE TABLE lianyun.document_version (
    document uuid   NOT NULL,
    content  text   NOT NULL COLLATE "C",
    decision bigint NOT NULL,
    body     text   NOT NULL,
    PRIMARY KEY (document, content)
);
-- Which document a transport document is a version of.
CREATE INDEX document_version_content ON lianyun.document_version (content);

-- Where each document stands: a cache of its decisions, for lists; compared by fsck.
CREATE TABLE lianyun.document_head (
    document    uuid    PRIMARY KEY,
    number      text    NOT NULL COLLATE "C",  -- its issuer's own
    kind        text    NOT NULL COLLATE "C",
    form        text    NOT NULL COLLATE "C",
    issuer      text    NOT NULL COLLATE "C",
    consignment text    NOT NULL COLLATE "C",
    cons        uuid    NOT NULL,              -- the id of the consignment
    controls    boolean NOT NULL,              -- a live original whose surrender delivery needs
    holder      text    NOT NULL COLLATE "C",
    state       text    NOT NULL COLLATE "C",  -- DRAFT, LIVE, PAPER, AWAY, SURRENDERED, VOID
    transfers   integer NOT NULL,
    last        bigint  NOT NULL,              -- number of the latest decision
    at          bigint  NOT NULL,
    readers     text[]  NOT NULL COLLATE "C"
) WITH (fillfactor = 80);
CREATE INDEX document_head_cons ON lianyun.document_head (cons);
CREATE INDEX document_head_readers ON lianyun.document_head USING gin (readers);

CREATE FUNCTION lianyun.document_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decisions on documents and their versions are never changed or removed';
END
$$;
CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.document_decision
    FOR EACH ROW EXECUTE FUNCTION lianyun.document_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.document_decision
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.document_is_final();
CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.document_version
    FOR EACH ROW EXECUTE FUNCTION lianyun.document_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.document_version
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.document_is_final();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE
            ON lianyun.document_decision, lianyun.document_version, lianyun.document_head FROM lianyun_worker;
        REVOKE USAGE ON lianyun.document_number FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.document_decision, lianyun.document_version, lianyun.document_head FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT, INSERT ON lianyun.document_decision, lianyun.document_version TO lianyun_api;
        GRANT SELECT, INSERT, UPDATE ON lianyun.document_head TO lianyun_api;
        GRANT USAGE ON lianyun.document_number TO lianyun_api;
        GRANT SELECT ON lianyun.transparency_head TO lianyun_api;
        GRANT SELECT (source, position, index, salt, entry) ON lianyun.transparency_entry TO lianyun_api;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT ON lianyun.document_decision, lianyun.document_version, lianyun.document_head TO lianyun_pages;
        GRANT SELECT ON lianyun.transparency_head TO lianyun_pages;
        GRANT SELECT (source, position, index, salt, entry) ON lianyun.transparency_entry TO lianyun_pages;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT SELECT ON lianyun.document_decision, lianyun.document_version, lianyun.document_head TO lianyun_cases;
        GRANT SELECT ON lianyun.transparency_head TO lianyun_cases;
        GRANT SELECT (source, position, index, salt, entry) ON lianyun.transparency_entry TO lianyun_cases;
    END IF;
    -- It says which alerts there are.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_webhooks') THEN
        GRANT SELECT ON lianyun.document_decision, lianyun.document_version, lianyun.document_head TO lianyun_webhooks;
        GRANT SELECT ON lianyun.transparency_head TO lianyun_webhooks;
        GRANT SELECT (source, position, index, salt, entry) ON lianyun.transparency_entry TO lianyun_webhooks;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_transparency') THEN
        GRANT SELECT (xid, number, at, headers, payload) ON lianyun.document_decision TO lianyun_transparency;
    END IF;
END
$$;
