-- The spool of one partner. `offset` is NULL until the broker has acknowledged the message; times are UTC microseconds
-- of this machine and are shown to people, never signed.
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    headers TEXT NOT NULL,
    value BLOB NOT NULL,
    queued_us INTEGER NOT NULL,
    partition INTEGER,
    offset INTEGER,
    acknowledged_us INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS waiting ON message (seq) WHERE offset IS NULL;
CREATE INDEX IF NOT EXISTS acknowledged ON message (acknowledged_us) WHERE offset IS NOT NULL;

-- A record whose content changed after it was published: the digest that it would have had under its own id, and the
-- correction that said so instead. The latest one is what stands.
CREATE TABLE IF NOT EXISTS amendment (
    seq INTEGER PRIMARY KEY,
    original BLOB NOT NULL,
    digest BLOB NOT NULL,
    correction BLOB NOT NULL REFERENCES message (identity),
    UNIQUE (original, digest)
) STRICT;

-- Events of lists of which each edition is the full list: which list, when its edition was made (UTC microseconds), and
-- whether it needs no taking back (any more): a later edition did, or it is a milestone that stays true.
CREATE TABLE IF NOT EXISTS edition (
    identity BLOB PRIMARY KEY REFERENCES message (identity),
    list TEXT NOT NULL,
    made_us INTEGER NOT NULL,
    taken_back INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS edition_list ON edition (list, made_us);
