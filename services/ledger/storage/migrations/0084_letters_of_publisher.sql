-- deploy: before, outside a transaction
-- The refused messages of one publisher, the latest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letter_publisher ON lianyun.dead_letter (publisher, last_append, digest);
