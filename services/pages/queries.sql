-- The SQL of the pages, by name.

-- name: begin
-- The registry's version and the database's clock in UTC microseconds: at the start of every request.
SELECT (SELECT version FROM lianyun.registry_version), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: look
SELECT 1 FROM lianyun.registry_version
