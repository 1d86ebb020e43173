-- A party can be amended: every shape that it ever had stays, with the append time from which it counts.

ALTER TABLE lianyun.registry_event DROP CONSTRAINT registry_event_kind_check;
ALTER TABLE lianyun.registry_event ADD CONSTRAINT registry_event_kind_check
    CHECK (kind IN ('party_added', 'party_amended', 'key_added', 'key_rotated', 'key_revoked'));

-- lianyun.party holds the newest shape; lianyun.party_source every source that a party ever had, for it keeps them.
ALTER TABLE lianyun.party
    ADD COLUMN sources text[],
    ADD COLUMN since   bigint NOT NULL DEFAULT 0,  -- counts for what was appended from then on, UTC microseconds
    ADD COLUMN version bigint;                     -- of the registry, which brought this shape
UPDATE lianyun.party AS p
SET sources = ARRAY(SELECT s.source FROM lianyun.party_source s WHERE s.party = p.no ORDER BY s.source),
    version = (SELECT e.version FROM lianyun.registry_event e WHERE e.kind = 'party_added' AND e.body ->> 'code' = p.code);
ALTER TABLE lianyun.party
    ALTER COLUMN sources SET NOT NULL,
    ALTER COLUMN version SET NOT NULL,
    ALTER COLUMN since DROP DEFAULT;

CREATE TABLE lianyun.party_earlier (
    party     integer NOT NULL REFERENCES lianyun.party (no),
    version   bigint  NOT NULL,
    since     bigint  NOT NULL,
    name      text    NOT NULL,
    roles     text[]  NOT NULL,
    countries text[]  NOT NULL,
    managers  text[]  NOT NULL,
    places    text[]  NOT NULL,
    topics    text[]  NOT NULL,
    sources   text[]  NOT NULL,
    PRIMARY KEY (party, version)
);
