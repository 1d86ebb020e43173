-- deploy: before
-- Annotations of papers of offshore deals: every decision, signed by the platform and never changed, and what stands under keyed digests of
-- the papers. Times are UTC microseconds.
CREATE SEQUENCE lianyun.annotation_number AS bigint;
CREATE TABLE lianyun.annotation_decision (
    number       bigint  PRIMARY KEY,
    xid          xid8    NOT NULL DEFAULT pg_current_xact_id(),
    action       text    NOT NULL COLLATE "C",
    done         boolean NOT NULL,
    at           bigint  NOT NULL,  -- the moment under the lock
    position     bigint  NOT NULL,  -- transactions below it were all seen
    by_party     text    NOT NULL COLLATE "C",
    request      text    NOT NULL COLLATE "C",
    asked        uuid    NOT NULL,  -- keyed digest of what was requested
    deal         text    NOT NULL COLLATE "C",
    stated       uuid,              -- the event that states the deal
    annotation   bigint  NOT NULL,  -- the annotation meant
    kind         text    NOT NULL COLLATE "C",
    measure      text    COLLATE "C",  -- null: the whole paper
    part         bigint,
    whole        bigint,
    guard        text    NOT NULL COLLATE "C",
    satisfied_by text    NOT NULL,
    rules        text    NOT NULL COLLATE "C",
    headers      bytea   NOT NULL,  -- the decision as an event of the platform, signed by its key
    payload      bytea   NOT NULL,
    UNIQUE (by_party, request)
);
CREATE UNIQUE INDEX annotation_decision_revoked ON lianyun.annotation_decision (annotation) WHERE action = 'REVOKE' AND done;
CREATE INDEX annotation_decision_deal ON lianyun.annotation_decision (deal, number);

CREATE TABLE lianyun.annotation_entry (
    annotation bigint   NOT NULL,
    version    smallint NOT NULL,
    kind       smallint NOT NULL,
    digest     uuid     NOT NULL,
    measure    text     COLLATE "C",  -- null: all of it
    part       bigint,
    whole      bigint,
    revoked    bigint,                -- the decision that revoked it
    PRIMARY KEY (annotation, version, kind, digest)
);
CREATE INDEX annotation_entry_standing ON lianyun.annotation_entry (digest) WHERE revoked IS NULL;
CREATE INDEX annotation_entry_version ON lianyun.annotation_entry (version) WHERE revoked IS NULL;

CREATE FUNCTION lianyun.annotation_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decisions on annotations are never changed or removed';
END
$$;
CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.annotation_decision
    FOR EACH ROW EXECUTE FUNCTION lianyun.annotation_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.annotation_decision
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.annotation_is_final();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON lianyun.annotation_decision, lianyun.annotation_entry FROM lianyun_worker;
        REVOKE USAGE ON lianyun.annotation_number FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.annotation_decision, lianyun.annotation_entry FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT, INSERT ON lianyun.annotation_decision, lianyun.annotation_entry TO lianyun_api;
        GRANT UPDATE (revoked) ON lianyun.annotation_entry TO lianyun_api;
        GRANT USAGE ON lianyun.annotation_number TO lianyun_api;
    END IF;
    -- A reservation that a person approves on the pages sees them too.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT ON lianyun.annotation_entry TO lianyun_pages;
    END IF;
END
$$;

-- A version of the fingerprints counts also while only an annotation stands under it.
DO $$
DECLARE
    before text := pg_get_functiondef('lianyun.financing_hold_goods'::regproc);
    behind text := replace(
        before,
        'SELECT min(e.version) FROM lianyun.financing_entry e WHERE e.version >= v.number AND e.freed IS NULL',
        'SELECT least(
            (SELECT min(e.version) FROM lianyun.financing_entry e WHERE e.version >= v.number AND e.freed IS NULL),
            (SELECT min(a.version) FROM lianyun.annotation_entry a WHERE a.version >= v.number AND a.revoked IS NULL)
        )'
    );
BEGIN
    IF behind = before THEN
        RAISE EXCEPTION 'lianyun.financing_hold_goods is not as migration 0040 made it';
    END IF;
    EXECUTE behind;
END
$$;
