-- deploy: before
-- What a forecast meant for a date that somebody counts on, each time that this changed: signed by the platform, never changed. Two
-- judgments never rest on one.
CREATE SEQUENCE lianyun.arrival_judgment_number AS bigint;
CREATE TABLE lianyun.arrival_judgment (
    number      bigint PRIMARY KEY,
    cons        uuid   NOT NULL,
    consignment text   NOT NULL COLLATE "C",
    subject     text   NOT NULL COLLATE "C",  -- PROMISE, or the name of a financing
    before      bigint,
    at          bigint NOT NULL,              -- UTC microseconds, as are all moments here
    position    bigint NOT NULL,
    due         bigint NOT NULL,
    due_event   uuid,                         -- that states the date; null where a decision does
    lateness    text   NOT NULL COLLATE "C",
    p10         bigint,
    p50         bigint,
    p90         bigint,
    model       text   NOT NULL COLLATE "C",  -- version of the forecast's rules and table
    evidence    uuid[] NOT NULL,
    inputs      bytea  NOT NULL,              -- everything that the forecast is a function of, compressed
    headers     bytea  NOT NULL,
    payload     bytea  NOT NULL
);
CREATE UNIQUE INDEX arrival_judgment_rests_on ON lianyun.arrival_judgment (cons, subject, coalesce(before, 0));
CREATE INDEX arrival_judgment_subject ON lianyun.arrival_judgment (subject, at) WHERE subject <> 'PROMISE';

-- The latest judgment of each consignment and subject: with it nothing can be cut off the end unseen.
CREATE TABLE lianyun.arrival_judged (
    cons    uuid   NOT NULL,
    subject text   NOT NULL COLLATE "C",
    last    bigint NOT NULL,
    PRIMARY KEY (cons, subject)
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT SELECT, INSERT ON lianyun.arrival_judgment TO lianyun_cases;
        GRANT SELECT, INSERT, UPDATE ON lianyun.arrival_judged TO lianyun_cases;
        GRANT USAGE ON lianyun.arrival_judgment_number TO lianyun_cases;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        GRANT SELECT ON lianyun.arrival_judgment, lianyun.arrival_judged TO lianyun_reader;
    END IF;
END
$$;
