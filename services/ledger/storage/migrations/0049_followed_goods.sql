-- deploy: before, outside a transaction
-- Other contents under known ids among the events of a batch: whoever holds a pledge learns at once that its founding is contradicted.
CREATE INDEX CONCURRENTLY IF NOT EXISTS variant_no ON lianyun.variant (no);

-- The financings that an event was put down for: their consignments are evaluated again.
CREATE INDEX CONCURRENTLY IF NOT EXISTS financing_watch_no ON lianyun.financing_watch (no);

-- Whoever decides on a pledge puts down who names its goods already.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT INSERT ON lianyun.financing_watch TO lianyun_api;
    END IF;
END
$$;
