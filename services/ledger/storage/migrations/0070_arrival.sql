-- deploy: before
-- Arrival times: the legs that each consignment has run or is on, and how many trains took how long on each, by week.
CREATE TABLE lianyun.arrival_cursor (
    single    boolean PRIMARY KEY DEFAULT true CHECK (single),
    version   text    NOT NULL,               -- of the rules
    xid       xid8    NOT NULL DEFAULT '0',
    no        bigint  NOT NULL DEFAULT 0,
    aside_xid xid8    NOT NULL DEFAULT '0',   -- the same for events put aside with their key
    aside_no  bigint  NOT NULL DEFAULT 0,
    whole_at  timestamptz                     -- when all that was visible had been followed
);

CREATE TABLE lianyun.arrival_leg (
    cons     uuid     NOT NULL,
    kind     smallint NOT NULL CHECK (kind IN (1, 2, 3)),  -- a leg, the gap to the next fact, an estimate against the arrival
    stage    smallint NOT NULL,
    first    text     NOT NULL COLLATE "C",
    last     text     NOT NULL COLLATE "C",
    by       text     NOT NULL COLLATE "C",   -- the service, or the publisher of the next fact or the estimate
    began    bigint   NOT NULL,               -- UTC microseconds
    ended    bigint,                          -- null while it lasts
    present  boolean  NOT NULL DEFAULT false, -- the leg on which a box of the consignment is now
    week     integer  NOT NULL GENERATED ALWAYS AS (((began - 345600000000) / 604800000000)::integer) STORED,
    hours    integer  GENERATED ALWAYS AS (least(floor((ended - began) / 3600000000.0), 2879)::integer) STORED,
    UNIQUE NULLS NOT DISTINCT (cons, kind, stage, first, last, by, began, ended)
);
CREATE INDEX arrival_leg_counted ON lianyun.arrival_leg (stage, first, last, kind, by, week) WHERE ended IS NOT NULL;
CREATE INDEX arrival_leg_lasting ON lianyun.arrival_leg (last) WHERE ended IS NULL;
CREATE INDEX arrival_leg_passed ON lianyun.arrival_leg (first, last, ended) WHERE kind = 1 AND stage = 6 AND ended IS NOT NULL;

-- The same leg of one train, seen on many cargoes, counts once.
CREATE TABLE lianyun.arrival_count (
    stage  smallint NOT NULL,
    first  text     NOT NULL COLLATE "C",
    last   text     NOT NULL COLLATE "C",
    kind   smallint NOT NULL,
    by     text     NOT NULL COLLATE "C",
    week   integer  NOT NULL,                 -- weeks of ISO 8601 since 1970-01-05
    hours  integer  NOT NULL,
    trains integer  NOT NULL CHECK (trains > 0),
    PRIMARY KEY (stage, first, last, kind, by, week, hours)
);

-- Consignments evaluated while the state was not settled: to be evaluated again once the notes up to ``mark`` are dealt with.
CREATE TABLE lianyun.arrival_again (
    cons uuid   PRIMARY KEY,
    mark bigint NOT NULL
);

-- Consignments that could not be evaluated; their legs stay as they were until they can.
CREATE TABLE lianyun.arrival_broken (
    cons  uuid PRIMARY KEY,
    fault text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_arrival') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.arrival_cursor, lianyun.arrival_leg, lianyun.arrival_count, lianyun.arrival_again,
            lianyun.arrival_broken TO lianyun_arrival;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        GRANT SELECT ON lianyun.arrival_cursor, lianyun.arrival_leg, lianyun.arrival_count, lianyun.arrival_again, lianyun.arrival_broken
            TO lianyun_reader;
    END IF;
END
$$;
