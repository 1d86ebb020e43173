-- Credit records as they were given out: what a bank relied on stays, and a later one names the one that it supersedes.
CREATE TABLE lianyun.credit_record (
    no         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text   NOT NULL COLLATE "C",  -- SHA-256 of the body but for the reading position
    reader     text   NOT NULL COLLATE "C",
    purpose    text   NOT NULL COLLATE "C",
    shipper    text   NOT NULL COLLATE "C",
    given      bigint NOT NULL,              -- UTC microseconds
    body       text   NOT NULL,              -- JSON
    supersedes bigint REFERENCES lianyun.credit_record (no)
);
CREATE INDEX credit_record_given ON lianyun.credit_record (reader, purpose, shipper, no);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.credit_record FROM lianyun_reader;
    END IF;
END
$$;
