-- deploy: before
-- How long no news is normal on each leg, as the counts have it; followed by position, as cases depend on it.
CREATE TABLE lianyun.arrival_habit (
    stage      smallint NOT NULL,
    first      text     NOT NULL COLLATE "C",
    last       text     NOT NULL COLLATE "C",
    publishers text[]   NOT NULL,            -- who recorded the next fact, the most frequent first
    normal     bigint   NOT NULL,            -- microseconds without news that are normal
    alarming   bigint   NOT NULL,            -- and from which on silence is a case
    seen       integer  NOT NULL,            -- gaps that it was learned from; 0: there is no habit any more
    xid        xid8     NOT NULL DEFAULT pg_current_xact_id(),
    no         bigint   NOT NULL GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (stage, first, last)
);
CREATE INDEX arrival_habit_xid ON lianyun.arrival_habit (xid, no);

-- The leg by whose habit each consignment was evaluated.
CREATE TABLE lianyun.case_leg (
    cons  uuid     PRIMARY KEY,
    stage smallint NOT NULL,
    first text     NOT NULL COLLATE "C",
    last  text     NOT NULL COLLATE "C"
);
CREATE INDEX case_leg_leg ON lianyun.case_leg (last, first, stage);

ALTER TABLE lianyun.case_cursor ADD COLUMN habit_xid xid8 NOT NULL DEFAULT '0', ADD COLUMN habit_no bigint NOT NULL DEFAULT 0;
ALTER TABLE lianyun.case_cause ADD COLUMN normal bigint NOT NULL DEFAULT 0; -- of a silence: how long none is

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_arrival') THEN
        GRANT SELECT, INSERT, UPDATE ON lianyun.arrival_habit TO lianyun_arrival;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT SELECT ON lianyun.arrival_habit TO lianyun_cases;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.case_leg TO lianyun_cases;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        GRANT SELECT ON lianyun.arrival_habit, lianyun.case_leg TO lianyun_reader;
    END IF;
END
$$;
