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

-- How far the events that ask for a decision were answered.
CREATE TABLE lianyun.financing_answered (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    xid xid8    NOT NULL,
    no  bigint  NOT NULL
);
INSERT INTO lianyun.financing_answered (xid, no) VALUES ('0', 0);

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
