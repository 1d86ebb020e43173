-- deploy: before, outside a transaction
-- The openings of one link.
CREATE INDEX CONCURRENTLY IF NOT EXISTS access_log_share ON lianyun.access_log (client, at DESC) WHERE client LIKE 'share:%';
