-- What our own code fails on waits, named, and everything else goes on without it.

-- Events, cargoes and shippers that credit could not read or judge; their signals stay as they were until it can.
CREATE TABLE lianyun.credit_broken (
    kind  text NOT NULL CHECK (kind IN ('event', 'cargo', 'shipper')),
    name  text NOT NULL COLLATE "C",    -- number of the event, id of the consignment, code of the shipper
    fault text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, name)
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.credit_broken FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_credit') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.credit_broken TO lianyun_credit;
    END IF;
END
$$;

-- A request whose decision failed lets the others pass and is tried again later.
ALTER TABLE lianyun.financing_asked ADD COLUMN fault text, ADD COLUMN again timestamptz;
