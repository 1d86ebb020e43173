-- The bank's side of financing: its portfolio, the alerts that it has seen, and events that ask for a decision.

-- A bank's financings by its own references, in order.
CREATE INDEX financing_hold_name ON lianyun.financing_hold (name);

-- Alerts that a bank said through the API that it has seen; signed events that say so count beside them.
CREATE TABLE lianyun.financing_acknowledged (
    financing uuid   NOT NULL,
    alert     uuid   NOT NULL,
    at        bigint NOT NULL,      -- UTC microseconds
    client    text   NOT NULL COLLATE "C",
    remark    text   NOT NULL,
    PRIMARY KEY (financing, alert)
);

-- Events that ask for a decision (a request about cargo, a step of a financing), until it was taken.
CREATE TABLE lianyun.financing_asked (
    no       bigint PRIMARY KEY,    -- of the event
    answered bigint                 -- number of the decision; 0 where none was to be taken
);
CREATE INDEX financing_asked_open ON lianyun.financing_asked (no) WHERE answered IS NULL;
CREATE INDEX financing_asked_answered ON lianyun.financing_asked (answered);

-- Who else is in a group, for generations that were made before their template had it.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT 'g' || number AS name FROM lianyun.generation LOOP
        EXECUTE format('CREATE INDEX IF NOT EXISTS canonical_group ON %I.canonical (canonical)', made.name);
    END LOOP;
END
$$;
