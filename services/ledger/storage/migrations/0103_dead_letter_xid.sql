-- deploy: before, outside a transaction
-- Refused messages in the order in which they became visible.
CREATE INDEX CONCURRENTLY IF NOT EXISTS dead_letter_xid ON lianyun.dead_letter (xid, digest);
