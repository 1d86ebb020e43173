-- deploy: before, outside a transaction
-- The same of lines that are read under a legal purpose.
CREATE INDEX CONCURRENTLY IF NOT EXISTS access_log_sealed_stream ON lianyun.access_log_sealed (stream, place);
