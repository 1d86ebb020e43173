-- Cases: what the rules find cause for, made again from events at any time, and the steps of cases, which are decisions.

-- Up to where events, events put aside and decisions on financing have been followed, by which rules, and as of when.
CREATE TABLE lianyun.case_cursor (
    single      boolean PRIMARY KEY DEFAULT true CHECK (single),
    version     text    NOT NULL,
    xid         xid8    NOT NULL DEFAULT '0',
    no          bigint  NOT NULL DEFAULT 0,
    aside_xid   xid8    NOT NULL DEFAULT '0',
    aside_no    bigint  NOT NULL DEFAULT 0,
    decided_xid xid8    NOT NULL DEFAULT '0',
    decided_no  bigint  NOT NULL DEFAULT 0,
    as_of       bigint  NOT NULL DEFAULT 0,  -- UTC microseconds: every cause is of this moment, for all that is not due since
    whole_at    timestamptz                  -- when all that was visible had been followed
);

-- The causes that each consignment shows: a case has cause while one of them has a row.
CREATE TABLE lianyun.case_cause (
    cons         uuid     NOT NULL,
    case_id      uuid     NOT NULL,
    kind         text     NOT NULL COLLATE "C",
    what         text     NOT NULL COLLATE "C",
    about_kind   smallint NOT NULL,
    about        text     NOT NULL COLLATE "C",
    jurisdiction text     NOT NULL COLLATE "C",
    scope        text     NOT NULL COLLATE "C",
    place        text     NOT NULL COLLATE "C",
    occurrence   text     NOT NULL COLLATE "C",
    since        bigint   NOT NULL,
    due          bigint   NOT NULL,
    events       uuid[]   NOT NULL,
    missing      text[]   NOT NULL,
    surplus      text[]   NOT NULL,
    PRIMARY KEY (cons, case_id)
);
CREATE INDEX case_cause_case ON lianyun.case_cause (case_id);

-- When a consignment is to be looked at again although nothing new is said of it.
CREATE TABLE lianyun.case_due (
    cons uuid   PRIMARY KEY,
    due  bigint NOT NULL
);
CREATE INDEX case_due_due ON lianyun.case_due (due);

-- Consignments judged while the state was not settled: to be judged again once the notes up to ``mark`` are dealt with.
CREATE TABLE lianyun.case_again (
    cons uuid   PRIMARY KEY,
    mark bigint NOT NULL
);

-- Cases whose causes changed since somebody last decided whether to open or close them.
CREATE TABLE lianyun.case_touched (
    case_id uuid PRIMARY KEY
);

-- The steps of all cases, each signed by the platform; never changed. Two steps never rest on one.
CREATE SEQUENCE lianyun.case_number AS bigint;
CREATE TABLE lianyun.case_step (
    number   bigint PRIMARY KEY,
    xid      xid8   NOT NULL DEFAULT pg_current_xact_id(),
    case_id  uuid   NOT NULL,
    before   bigint,
    kind     text   NOT NULL COLLATE "C",
    at       bigint NOT NULL,
    position bigint NOT NULL,
    by_party text   COLLATE "C",
    by_desk  text   COLLATE "C",
    to_party text   COLLATE "C",
    to_desk  text   COLLATE "C",
    until    bigint,
    reason   text   NOT NULL,
    text     text   NOT NULL,
    since    bigint,
    evidence uuid[] NOT NULL,
    headers  bytea  NOT NULL,
    payload  bytea  NOT NULL
);
CREATE UNIQUE INDEX case_step_rests_on ON lianyun.case_step (case_id, coalesce(before, 0));
CREATE INDEX case_step_case ON lianyun.case_step (case_id, number);
CREATE INDEX case_step_at ON lianyun.case_step (at);
CREATE INDEX case_step_xid ON lianyun.case_step (xid, number);

-- Where each case stands: a cache of its steps and causes, for lists; compared by fsck.
CREATE TABLE lianyun.case_head (
    case_id       uuid     PRIMARY KEY,
    kind          text     NOT NULL COLLATE "C",
    what          text     NOT NULL COLLATE "C",
    about_kind    smallint NOT NULL,
    about         text     NOT NULL COLLATE "C",
    jurisdiction  text     NOT NULL COLLATE "C",
    place         text     NOT NULL COLLATE "C",
    occurrence    text     NOT NULL COLLATE "C",
    crossing      text     NOT NULL COLLATE "C",  -- "" away from a border
    since         bigint   NOT NULL,
    due           bigint   NOT NULL,
    opened        bigint   NOT NULL,
    last          bigint   NOT NULL,              -- number of the latest step
    at            bigint   NOT NULL,
    closed        boolean  NOT NULL,
    owner_party   text     COLLATE "C",
    owner_desk    text     COLLATE "C",
    snoozed_until bigint,
    reason        text     NOT NULL,
    stands        boolean  NOT NULL               -- there is cause for it
) WITH (fillfactor = 80);
CREATE INDEX case_head_open ON lianyun.case_head (crossing, due) WHERE NOT closed;
CREATE INDEX case_head_about ON lianyun.case_head (about_kind, about) WHERE NOT closed;

-- What dashboards show. An alert of a pledge is between the bank and the platform, and texts are for those who work on a case.
CREATE VIEW lianyun.case_open AS
    SELECT case_id, kind, what, about_kind, about, jurisdiction, place, occurrence, crossing, since, due, opened, at,
           owner_party, owner_desk, snoozed_until, stands
    FROM lianyun.case_head WHERE NOT closed AND kind <> 'FINANCING_ALERT';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.case_cause, lianyun.case_due, lianyun.case_again, lianyun.case_touched, lianyun.case_step,
            lianyun.case_head FROM lianyun_reader;
        GRANT SELECT ON lianyun.case_open TO lianyun_reader;
    END IF;
END
$$;
