-- Messages that were not accepted, once per content, with their raw bytes. All times are UTC microseconds since 1970.

CREATE TABLE lianyun.dead_letter (
    digest          bytea   PRIMARY KEY CHECK (octet_length(digest) = 32),  -- SHA-256 over headers and value, untruncated
    state           text    NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'REDRIVEN', 'DISCARDED', 'REPLACED')),
    publisher       text    NOT NULL,  -- the party's code; the topic where no party is known
    event           uuid,              -- the event's id, only where the signature was verified
    reason          text    NOT NULL,
    detail          text    NOT NULL,
    pointer         text    NOT NULL,
    remedy          text    NOT NULL,
    count           bigint  NOT NULL CHECK (count > 0),
    headers         bytea   NOT NULL,  -- framed: services/admission/raw.py
    value           bytea,             -- null where the record had none, or where it was not kept
    value_bytes     bigint,            -- the value's full length; null where the record had none
    truncated       boolean NOT NULL,  -- headers or value are not kept whole; the broker still has them for a while
    first_append    bigint  NOT NULL,
    first_topic     text    NOT NULL COLLATE "C",
    first_partition integer NOT NULL,
    first_offset    bigint  NOT NULL,
    last_append     bigint  NOT NULL,
    last_topic      text    NOT NULL COLLATE "C",
    last_partition  integer NOT NULL,
    last_offset     bigint  NOT NULL
);
CREATE INDEX dead_letter_last ON lianyun.dead_letter (last_append, digest);

-- What was done about a letter, and with what outcome: only grows, and goes with the letter.
CREATE TABLE lianyun.dead_letter_outcome (
    no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest  bytea  NOT NULL REFERENCES lianyun.dead_letter (digest) ON DELETE CASCADE,
    at      bigint NOT NULL,
    by      text   NOT NULL,
    action  text   NOT NULL CHECK (action IN ('redrive', 'discard', 'replace')),
    outcome text   NOT NULL,
    detail  text   NOT NULL
);
CREATE INDEX dead_letter_outcome_digest ON lianyun.dead_letter_outcome (digest, no);

-- How much of the store one publisher's letters take, so that a flood of garbage is bounded without counting rows.
CREATE TABLE lianyun.dead_letter_usage (
    publisher text   PRIMARY KEY,
    letters   bigint NOT NULL,
    bytes     bigint NOT NULL
);
