-- A bound on the dead letters of one publisher and hour, and the record of what was refused beyond it. All times are UTC microseconds
-- since 1970; an hour is an append time divided by 3,600,000,000, so that it is the same whenever the log is read.

-- How many letters were put down for what the broker took in that hour; faults of our own are not counted.
CREATE TABLE lianyun.dead_letter_hour (
    publisher text   NOT NULL,
    hour      bigint NOT NULL,
    letters   bigint NOT NULL,
    PRIMARY KEY (publisher, hour)
);

-- Messages that were refused and of which no letter was made: counted, with their place in the log, which has them for its retention.
-- A row is written only by who holds the partition in kafka_offset, so reading it again counts nothing twice.
CREATE TABLE lianyun.dead_letter_cut (
    topic        text    NOT NULL COLLATE "C",
    topic_id     text    NOT NULL,          -- the broker's id of the topic; empty where it is not known
    part         integer NOT NULL,
    publisher    text    NOT NULL,          -- as of dead letters: the party's code; the topic where no party is known
    reason       text    NOT NULL,
    hour         bigint  NOT NULL,
    messages     bigint  NOT NULL CHECK (messages > 0),
    first_offset bigint  NOT NULL,
    last_offset  bigint  NOT NULL,          -- between the two may lie offsets of other messages
    first_append bigint  NOT NULL,
    last_append  bigint  NOT NULL,
    digest       bytea   NOT NULL CHECK (octet_length(digest) = 32),  -- lianyun.chained over offsets and digests of the messages
    PRIMARY KEY (topic, topic_id, part, publisher, reason, hour)
);

-- The digest of a sequence, one message after another, whatever the batches that it came in: d := SHA-256(d, message), from empty.
CREATE FUNCTION lianyun.chained(start bytea, messages bytea[]) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    message bytea;
BEGIN
    FOREACH message IN ARRAY messages LOOP
        start := sha256(start || message);
    END LOOP;
    RETURN start;
END
$$;
