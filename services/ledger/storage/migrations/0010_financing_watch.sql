-- Where each financing stands as far as other writers need it: a cache of the decisions, compared by fsck.
CREATE TABLE lianyun.financing_hold (
    financing uuid    PRIMARY KEY,
    name      text    NOT NULL COLLATE "C",
    blocks    boolean NOT NULL,   -- it blocks the release of its cargo while it is pledged
    pledged   boolean NOT NULL,
    ended     boolean NOT NULL
);

-- Facts about cargo that whoever holds a pledge in it has to look at; only grows, in the transaction that stores the fact.
CREATE TABLE lianyun.financing_watch (
    financing uuid   NOT NULL,
    no        bigint NOT NULL,
    xid       xid8   NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (financing, no)
);
CREATE INDEX financing_watch_xid ON lianyun.financing_watch (xid, no);
