-- Credit signals of shippers: what was observed in each cargo, and its sums by day. All of it can be made again from events.

-- Up to where the events have been followed, and by which rules; one row.
CREATE TABLE lianyun.credit_cursor (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    version text    NOT NULL,               -- of the rules and of the published table
    xid     xid8    NOT NULL DEFAULT '0',
    no      bigint  NOT NULL DEFAULT 0
);

CREATE TABLE lianyun.credit_observation (
    subject text     NOT NULL COLLATE "C",  -- key of the consignment, or of the application for financing
    signal  smallint NOT NULL,
    unit    text     NOT NULL COLLATE "C",
    shipper text     NOT NULL COLLATE "C",
    day     integer  NOT NULL,              -- UTC days since 1970
    bad     smallint NOT NULL CHECK (bad BETWEEN 0 AND 1000),
    events  uuid[]   NOT NULL,
    PRIMARY KEY (subject, signal, unit, shipper)
);
CREATE INDEX credit_observation_against ON lianyun.credit_observation (shipper, signal) WHERE bad > 0;
CREATE INDEX credit_observation_shipper ON lianyun.credit_observation (shipper);

CREATE TABLE lianyun.credit_count (
    shipper text     NOT NULL COLLATE "C",
    signal  smallint NOT NULL,
    day     integer  NOT NULL,
    trials  integer  NOT NULL CHECK (trials >= 0),
    bad     bigint   NOT NULL CHECK (bad >= 0),
    PRIMARY KEY (shipper, signal, day)
) WITH (fillfactor = 80);

-- Which events speak of a shipper, an application, a financing or another event without being facts about cargo.
CREATE TABLE lianyun.credit_about (
    key   text NOT NULL COLLATE "C",
    event uuid NOT NULL,
    PRIMARY KEY (key, event)
);

-- Consignments judged while the state was not settled: to be judged again once the notes up to ``mark`` are dealt with.
CREATE TABLE lianyun.credit_again (
    cons uuid   PRIMARY KEY,
    mark bigint NOT NULL
);

-- What is known of a shipper is read through its consent, not by whoever may draw dashboards.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.credit_observation, lianyun.credit_count, lianyun.credit_about, lianyun.credit_again
            FROM lianyun_reader;
    END IF;
END
$$;
