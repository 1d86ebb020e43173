-- What the exporter of metrics keeps, and what makes its questions cheap.

-- When each partner was last heard: the broker's time of the latest event accepted from it, UTC microseconds.
CREATE TABLE lianyun.partner_accepted (
    party    integer PRIMARY KEY,
    appended bigint  NOT NULL
) WITH (fillfactor = 50);

-- Up to where the accepted events have been followed for that; one row.
CREATE TABLE lianyun.exporter_cursor (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    xid    xid8    NOT NULL DEFAULT '0',
    no     bigint  NOT NULL DEFAULT 0
);
INSERT INTO lianyun.exporter_cursor DEFAULT VALUES;

-- Letters are counted without reading them.
CREATE INDEX dead_letter_tally ON lianyun.dead_letter (publisher, reason, state) INCLUDE (event, count);
CREATE INDEX dead_letter_open ON lianyun.dead_letter (publisher, first_append) WHERE state = 'OPEN';

-- Of the financings that ever were, only those that hold something are counted.
CREATE INDEX financing_hold_open ON lianyun.financing_hold (pledged) WHERE NOT ended;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_exporter') THEN
        GRANT SELECT, INSERT, UPDATE ON lianyun.partner_accepted, lianyun.exporter_cursor TO lianyun_exporter;
    END IF;
END
$$;
