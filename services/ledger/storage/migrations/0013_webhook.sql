-- Webhooks: who wants to be told what, what there is to tell, and how far each telling got. Times are UTC microseconds.

CREATE TABLE lianyun.webhook_subscription (
    id            text    PRIMARY KEY COLLATE "C",
    party         text    NOT NULL COLLATE "C",
    url           text    NOT NULL,
    types         text[]  NOT NULL,
    description   text    NOT NULL,
    state         text    NOT NULL CHECK (state IN ('ENABLED', 'PAUSED', 'DISABLED', 'REMOVED')),
    reason        text    NOT NULL,       -- why it is not enabled
    created       bigint  NOT NULL,
    version       integer NOT NULL,       -- raised on each change by its party
    failing_since bigint,                 -- the first failure after the latest success
    last_success  bigint
);
CREATE INDEX webhook_subscription_party ON lianyun.webhook_subscription (party, id);

-- What deliveries are signed with. During a rotation the old and the new one both sign.
CREATE TABLE lianyun.webhook_secret (
    no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text   NOT NULL REFERENCES lianyun.webhook_subscription (id) COLLATE "C",
    scheme       text   NOT NULL CHECK (scheme IN ('v1', 'v1a')),
    sealed       bytea  NOT NULL,  -- encrypted under a key that is not in the database
    public       bytea,            -- of v1a: what the receiver verifies with
    created      bigint NOT NULL,
    expires      bigint            -- null: the present one
);
CREATE INDEX webhook_secret_subscription ON lianyun.webhook_secret (subscription, no);

-- How far each kind of committed row was turned into messages: rows up to (xid, no) were.
CREATE TABLE lianyun.webhook_cursor (
    source text   PRIMARY KEY COLLATE "C" CHECK (source IN ('event', 'decision', 'watch')),
    xid    xid8   NOT NULL,
    no     bigint NOT NULL
);

-- Batches that were looked at while the structure was not settled: whom they concern is asked once more when all notes up
-- to the mark are done.
CREATE TABLE lianyun.webhook_again (
    xid      xid8   NOT NULL,
    first_no bigint NOT NULL,
    at       bigint NOT NULL,
    mark     bigint NOT NULL,
    PRIMARY KEY (xid, first_no)
);
CREATE INDEX webhook_again_mark ON lianyun.webhook_again (mark);

-- One thing to tell to one party; its id follows from what it tells of, and its bytes never change.
CREATE TABLE lianyun.webhook_message (
    id    text   PRIMARY KEY COLLATE "C",
    party text   NOT NULL COLLATE "C",
    type  text   NOT NULL COLLATE "C",
    at    bigint NOT NULL,   -- when it was found in what is committed
    body  bytea  NOT NULL
);
CREATE INDEX webhook_message_party ON lianyun.webhook_message (party, at, id);
CREATE INDEX webhook_message_at ON lianyun.webhook_message (at);

CREATE TABLE lianyun.webhook_delivery (
    subscription text    NOT NULL REFERENCES lianyun.webhook_subscription (id) COLLATE "C",
    message      text    NOT NULL REFERENCES lianyun.webhook_message (id) ON DELETE CASCADE COLLATE "C",
    state        text    NOT NULL CHECK (state IN ('WAITING', 'DELIVERED', 'DEAD')),
    attempts     integer NOT NULL,
    due          bigint  NOT NULL,   -- of a waiting one: not before; while an attempt runs, when it counts as lost
    last_attempt bigint,
    status       integer,            -- HTTP status of the last answer
    detail       text    NOT NULL,
    PRIMARY KEY (subscription, message)
);
CREATE INDEX webhook_delivery_due ON lianyun.webhook_delivery (subscription, due) WHERE state = 'WAITING';
CREATE INDEX webhook_delivery_dead ON lianyun.webhook_delivery (subscription, last_attempt) WHERE state = 'DEAD';
CREATE INDEX webhook_delivery_message ON lianyun.webhook_delivery (message);

-- A publisher asks what became of an event under its identity; letters know it where the signature was verified.
CREATE INDEX dead_letter_event ON lianyun.dead_letter (event) WHERE event IS NOT NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.webhook_subscription, lianyun.webhook_secret, lianyun.webhook_message,
                      lianyun.webhook_delivery FROM lianyun_reader;
    END IF;
END
$$;
