-- Links by which a consignment is shown to whoever holds them: of one consignment, chosen fields, until a moment, for the party that made
-- them. Of a token only the digest is kept. Every opening is a line of the access log under the link's own client name.
CREATE TABLE lianyun.share_link (
    id          uuid   PRIMARY KEY,
    digest      bytea  NOT NULL,                 -- SHA-256 of the token
    consignment uuid   NOT NULL,
    reference   text   NOT NULL,                 -- as it was founded: party/reference
    party       text   NOT NULL COLLATE "C",     -- nothing is shown that this party may not see at that moment
    made_by     text   NOT NULL CHECK (made_by <> ''),
    fields      text[] NOT NULL,
    label       text   NOT NULL CHECK (length(label) <= 80),
    made        bigint NOT NULL,
    expires     bigint NOT NULL CHECK (expires > made),
    ended       bigint                           -- when it was revoked
);
CREATE INDEX share_link_digest ON lianyun.share_link (digest);
CREATE INDEX share_link_party ON lianyun.share_link (party, made DESC);
-- Its changes are entered in the audit trail.
INSERT INTO lianyun.audit_head (register, entries, digest) VALUES ('share_link', 0, ''::bytea);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE ALL ON lianyun.share_link FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.share_link FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, INSERT ON lianyun.share_link TO lianyun_pages;
        GRANT UPDATE (ended) ON lianyun.share_link TO lianyun_pages;
        GRANT SELECT ON lianyun.access_log TO lianyun_pages;
        GRANT INSERT ON lianyun.audit_trail TO lianyun_pages;
        GRANT SELECT, INSERT, UPDATE ON lianyun.audit_head TO lianyun_pages;
    END IF;
END
$$;
