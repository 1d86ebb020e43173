-- Addresses of pages that a person saved under names of its own. They give no rights; they go with the person's name. ``slot`` bounds how
-- many a person has.
CREATE TABLE lianyun.saved_view (
    person  uuid     NOT NULL REFERENCES lianyun.person (id),
    slot    smallint NOT NULL CHECK (slot BETWEEN 1 AND 50),
    name    text     NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    address text     NOT NULL CHECK (length(address) BETWEEN 1 AND 1000),
    saved   bigint   NOT NULL,                   -- UTC microseconds
    PRIMARY KEY (person, slot),
    UNIQUE (person, name)
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_worker') THEN
        REVOKE ALL ON lianyun.saved_view FROM lianyun_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.saved_view FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.saved_view TO lianyun_pages;
    END IF;
END
$$;
