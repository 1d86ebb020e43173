-- deploy: before, outside a transaction
-- What was given of one shipper, to whomever, the latest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS credit_record_shipper ON lianyun.credit_record (shipper, given DESC, no DESC);
