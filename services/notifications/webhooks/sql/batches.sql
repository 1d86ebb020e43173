SELECT b.xid::text, b.first_no, (extract(epoch FROM b.at) * 1000000)::bigint
FROM lianyun.batch b
WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND b.xid >= %(xid)s::text::xid8 AND (b.xid > %(xid)s::text::xid8 OR b.first_no > %(no)s)
ORDER BY b.xid, b.first_no
LIMIT %(limit)s
