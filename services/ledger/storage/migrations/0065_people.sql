-- Who may sign in to the console. A person is a subject of an OpenID Connect issuer and belongs to one party; ``id`` is random, and what the
-- person does is recorded under it. Subject and name can be erased, with the salt of their digests in the audit trail. Times are UTC microseconds.
CREATE TABLE lianyun.person (
    id         uuid    PRIMARY KEY,
    issuer     text    NOT NULL COLLATE "C",
    subject    text    COLLATE "C",              -- null: erased, as are name and salt
    name       text,
    salt       bytea,
    party      integer NOT NULL REFERENCES lianyun.party (no),
    registered bigint  NOT NULL,
    by         text    NOT NULL,
    UNIQUE (issuer, subject)
);
-- What a person may do in [since, until); one interval never overlaps another.
CREATE TABLE lianyun.person_grant (
    person      uuid   NOT NULL REFERENCES lianyun.person (id),
    since       bigint NOT NULL,
    until       bigint,
    teams       text[] NOT NULL,
    permissions text[] NOT NULL,
    by          text   NOT NULL,
    PRIMARY KEY (person, since),
    CHECK (until > since)
);
INSERT INTO lianyun.audit_head (register, entries, digest)
SELECT name, 0, ''::bytea FROM unnest(ARRAY['person', 'person_grant']) AS r (name);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE ALL ON lianyun.person, lianyun.person_grant FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.person, lianyun.person_grant FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT ON lianyun.person, lianyun.person_grant TO lianyun_pages;
    END IF;
END
$$;
