-- Events in the order in which they became visible. Batches at or above the horizon are left out: one with a smaller
-- transaction id may still be committed before them.
SELECT b.xid::text, e.no
FROM lianyun.batch b
CROSS JOIN LATERAL (
    SELECT y.no FROM lianyun.body y WHERE y.no >= b.first_no AND y.no < b.first_no + 4096
) AS e
WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND b.xid >= %(xid)s::text::xid8 AND (b.xid > %(xid)s::text::xid8 OR e.no > %(no)s)
ORDER BY b.xid, b.first_no, e.no
LIMIT %(limit)s
