-- deploy: before, outside a transaction
-- The lines of one stream in their order.
CREATE INDEX CONCURRENTLY IF NOT EXISTS access_log_stream ON lianyun.access_log (stream, place);
