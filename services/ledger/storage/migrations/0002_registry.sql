-- Who may speak. The events are the truth and only grow; the other tables are their fold, for reading and joining.
-- All times are UTC microseconds since 1970.

CREATE TABLE lianyun.registry_event (
    version bigint PRIMARY KEY,      -- 1, 2, 3, ... without gaps: the registry's version after this event
    kind    text   NOT NULL CHECK (kind IN ('party_added', 'key_added', 'key_rotated', 'key_revoked')),
    at      bigint NOT NULL,         -- when it was registered, by the clock of whoever registered it
    by      text   NOT NULL,         -- who registered it
    body    jsonb  NOT NULL
);

CREATE FUNCTION lianyun.registry_event_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'registry events are never changed or removed: add a new one';
END
$$;

CREATE TRIGGER final BEFORE UPDATE OR DELETE ON lianyun.registry_event
    FOR EACH ROW EXECUTE FUNCTION lianyun.registry_event_is_final();
CREATE TRIGGER final_as_a_whole BEFORE TRUNCATE ON lianyun.registry_event
    FOR EACH STATEMENT EXECUTE FUNCTION lianyun.registry_event_is_final();

-- One row. Batches hold it FOR SHARE until they commit, changes FOR UPDATE: no event is admitted under a registry
-- that had been replaced when the event was committed.
CREATE TABLE lianyun.registry_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL
);
INSERT INTO lianyun.registry_version (version) VALUES (0);

CREATE TABLE lianyun.party (
    no        integer PRIMARY KEY,   -- how claims and links name their publisher
    code      text    NOT NULL UNIQUE,
    name      text    NOT NULL,
    roles     text[]  NOT NULL,
    countries text[]  NOT NULL,
    managers  text[]  NOT NULL,
    places    text[]  NOT NULL,
    topics    text[]  NOT NULL
);

CREATE TABLE lianyun.party_source (
    source text    PRIMARY KEY,
    party  integer NOT NULL REFERENCES lianyun.party (no)
);

CREATE TABLE lianyun.party_key (
    key_id            text    PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{16}$'),
    party             integer NOT NULL REFERENCES lianyun.party (no),
    scheme            text    NOT NULL,
    public_key        bytea   NOT NULL,
    not_before        bigint  NOT NULL,
    not_after         bigint,
    revoked_at        bigint,
    compromised_since bigint
);
