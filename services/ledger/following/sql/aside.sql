-- Events put aside, in the order in which that became visible; as in reading events, nothing at or above the horizon.
SELECT q.xid::text, q.no FROM lianyun.quarantine q
WHERE q.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (q.xid, q.no) > (%(xid)s::text::xid8, %(no)s::bigint)
ORDER BY q.xid, q.no
LIMIT %(limit)s
