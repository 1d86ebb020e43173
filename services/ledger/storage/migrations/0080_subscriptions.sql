-- Who is notified of one consignment: by mail, by a feed or by the webhooks of a party, as a party to it or by a share link. What may be seen is judged at each
-- notification. Times are UTC microseconds. Of tokens only the digest is kept. An address is a person's: it is erased when the subscription
-- ends, with the salt of its digest in the audit trail.
CREATE TABLE lianyun.subscription (
    id           uuid    PRIMARY KEY,
    consignment  uuid    NOT NULL,
    reference    text    NOT NULL,                 -- as it was founded: party/reference
    party        text    NOT NULL COLLATE "C",     -- nothing is told that this party may not see at that moment
    share        uuid,                             -- the link by which it was made; ends with it
    made_by      text    NOT NULL CHECK (made_by <> ''),
    channel      text    NOT NULL CHECK (channel IN ('mail', 'feed', 'webhook')),
    address      text    CHECK (channel = 'mail' OR address IS NULL),
    salt         bytea,
    language     text    NOT NULL,
    milestones   boolean NOT NULL,
    delay_hours  integer CHECK (delay_hours >= 0),
    exceptions   boolean NOT NULL,
    disputes     boolean NOT NULL,
    state        text    NOT NULL CHECK (state IN ('UNCONFIRMED', 'ACTIVE', 'SUSPENDED', 'ENDED')),
    reason       text    NOT NULL,
    made         bigint  NOT NULL,
    ended        bigint,
    told         jsonb   NOT NULL,                 -- what was last told, to be compared with
    last_no      bigint  NOT NULL DEFAULT 0,       -- of its newest notice
    look         bigint  NOT NULL                  -- when it is looked at next, whether or not anything happens before
);
CREATE INDEX subscription_consignment ON lianyun.subscription (consignment) WHERE state = 'ACTIVE';
CREATE INDEX subscription_look ON lianyun.subscription (look) WHERE state = 'ACTIVE';
CREATE INDEX subscription_party ON lianyun.subscription (party, made DESC);
CREATE INDEX subscription_share ON lianyun.subscription (share) WHERE share IS NOT NULL;
CREATE INDEX subscription_address ON lianyun.subscription (lower(address), made) WHERE address IS NOT NULL;
INSERT INTO lianyun.audit_head (register, entries, digest) VALUES ('subscription', 0, ''::bytea);

-- What a subscription is told, in its order. Number 0 asks for the confirmation of an address.
CREATE TABLE lianyun.subscription_notice (
    subscription uuid     NOT NULL REFERENCES lianyun.subscription (id),
    no           bigint   NOT NULL,
    at           bigint   NOT NULL,
    fields       text[]   NOT NULL,                -- of the matrix, as they were shown in full
    changes      jsonb    NOT NULL,
    state        text     NOT NULL CHECK (state IN ('KEPT', 'QUEUED', 'WAITING', 'SENT', 'FAILED', 'DROPPED')),
    attempts     integer  NOT NULL DEFAULT 0,
    due          bigint   NOT NULL,
    detail       text     NOT NULL DEFAULT '',
    xid          xid8     NOT NULL DEFAULT pg_current_xact_id(),   -- with seq: by which webhooks follow those that are QUEUED
    seq          bigint   GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (subscription, no)
);
CREATE INDEX subscription_notice_due ON lianyun.subscription_notice (due) WHERE state = 'WAITING';
CREATE INDEX subscription_notice_queued ON lianyun.subscription_notice (xid, seq) WHERE state = 'QUEUED';
CREATE INDEX subscription_notice_at ON lianyun.subscription_notice (at);

-- Digests of what leads to a subscription: one of a feed, one for every mail that was sent.
CREATE TABLE lianyun.subscription_token (
    digest       bytea  PRIMARY KEY,               -- SHA-256
    subscription uuid   NOT NULL REFERENCES lianyun.subscription (id),
    feed         boolean NOT NULL                  -- opens the feed; every one opens the page that ends the subscription
);
CREATE INDEX subscription_token_of ON lianyun.subscription_token (subscription);

-- Subscriptions whose consignment was touched by accepted events since they were last looked at.
CREATE TABLE lianyun.subscription_touch (
    subscription uuid NOT NULL
);
CREATE INDEX subscription_touch_of ON lianyun.subscription_touch (subscription);

-- Webhooks follow notices too.
ALTER TABLE lianyun.webhook_cursor
    DROP CONSTRAINT webhook_cursor_source_check,
    ADD CONSTRAINT webhook_cursor_source_check CHECK (source IN ('decision', 'event', 'notice', 'watch')) NOT VALID;

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['lianyun_worker', 'lianyun_reader'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('REVOKE ALL ON lianyun.subscription, lianyun.subscription_notice, lianyun.subscription_token, '
                           'lianyun.subscription_touch FROM %I', role);
        END IF;
    END LOOP;
    -- Whoever follows accepted events marks what they touch, and announces what is queued.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_webhooks') THEN
        GRANT SELECT (id, consignment, state, party, reference) ON lianyun.subscription TO lianyun_webhooks;
        GRANT SELECT (subscription, no, at, state, xid, seq) ON lianyun.subscription_notice TO lianyun_webhooks;
        GRANT INSERT ON lianyun.subscription_touch TO lianyun_webhooks;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, INSERT ON lianyun.subscription TO lianyun_pages;
        GRANT UPDATE (state, reason, ended, address, salt, told, last_no, look) ON lianyun.subscription TO lianyun_pages;
        GRANT SELECT, INSERT, DELETE ON lianyun.subscription_notice, lianyun.subscription_token TO lianyun_pages;
        GRANT UPDATE (state, attempts, due, detail) ON lianyun.subscription_notice TO lianyun_pages;
        GRANT SELECT, DELETE ON lianyun.subscription_touch TO lianyun_pages;
        -- The first subscription begins the position from which events are followed.
        GRANT SELECT, INSERT ON lianyun.webhook_cursor TO lianyun_pages;
    END IF;
END
$$;
