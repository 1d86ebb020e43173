-- Up to which amount a person of a bank may prepare and approve steps, in minor units of a currency, from ``at`` on; set by another person
-- of the bank. Rows are never changed: the newest one counts. A bank with none has no limits. Times are UTC microseconds.
CREATE TABLE lianyun.financing_limit (
    bank      text   NOT NULL COLLATE "C",
    person    uuid   NOT NULL REFERENCES lianyun.person (id),
    currency  text   NOT NULL COLLATE "C",
    at        bigint NOT NULL,
    may_make  bigint NOT NULL CHECK (may_make >= 0),
    may_check bigint NOT NULL CHECK (may_check >= 0),
    by_issuer text   NOT NULL,
    by_person uuid   NOT NULL CHECK (by_person <> person),
    PRIMARY KEY (person, currency, at)
);
CREATE INDEX financing_limit_bank ON lianyun.financing_limit (bank, at);
INSERT INTO lianyun.audit_head (register, entries, digest) VALUES ('financing_limit', 0, ''::bytea);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE ALL ON lianyun.financing_limit FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.financing_limit FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, INSERT ON lianyun.financing_limit TO lianyun_pages;
    END IF;
END
$$;
