-- The SQL of the pages, by name.

-- name: begin
-- The registry's version and the database's clock in UTC microseconds.
SELECT (SELECT version FROM lianyun.registry_version), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: begin_request
-- At the start of every request: the registry's version, the database's clock in UTC microseconds, and what identifies all that is
-- stored of events (services.query.kept_views.StateMark) and of the legs that forecasts rest on: how far their follower has come, what
-- it looks at again, and what it has failed on. Each step that changes a leg changes one of these.
SELECT (SELECT version FROM lianyun.registry_version), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       (SELECT number FROM lianyun.generation WHERE state = 'CURRENT'), b.behind, h.xmin::text::bigint, b.before, p.notes, p.last,
       (SELECT concat_ws(' ', c.version, c.xid, c.no, c.aside_xid, c.aside_no,
                         (SELECT concat_ws(' ', count(*), sum(a.mark)) FROM lianyun.arrival_again a),
                         (SELECT count(*) FROM lianyun.arrival_broken)) FROM lianyun.arrival_cursor c),
       (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())) AS h (xmin),
LATERAL (
    SELECT count(*), count(*) FILTER (WHERE xid < h.xmin) FROM lianyun.batch WHERE xid >= %(since)s::text::xid8
) AS b (behind, before),
(SELECT count(*), coalesce((SELECT n.id FROM lianyun.pending n ORDER BY n.id DESC LIMIT 1), 0) FROM lianyun.pending) AS p (notes, last)

-- name: horizon
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint

-- name: look
SELECT 1 FROM lianyun.registry_version
