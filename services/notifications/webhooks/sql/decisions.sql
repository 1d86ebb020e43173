SELECT d.xid::text, d.number, d.at, d.asked_by, d.financing, d.frees
FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND d.xid >= %(xid)s::text::xid8 AND (d.xid > %(xid)s::text::xid8 OR d.number > %(no)s)
ORDER BY d.xid, d.number
LIMIT %(limit)s
