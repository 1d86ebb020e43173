-- deploy: before
-- What the checks find in each trade, without any value; made from the accepted events by the follower of cases.
CREATE TABLE lianyun.trade_finding (
    trade     uuid    PRIMARY KEY,            -- the id of the object under which the trade's versions are found
    name      text    NOT NULL COLLATE "C",   -- its owner's code, a slash, the reference
    found     text[]  NOT NULL,               -- check and verdict of each finding that is for somebody to look at, in order
    explained integer NOT NULL,               -- findings beside these that somebody explained
    digest    bytea   NOT NULL                -- of everything found, by digests that betray no value
);

ALTER TABLE lianyun.case_cause ADD COLUMN parties text[] NOT NULL DEFAULT '{}'; -- of a contradiction: whose desk it is for

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT SELECT, INSERT, DELETE ON lianyun.trade_finding TO lianyun_cases;
    END IF;
END
$$;
