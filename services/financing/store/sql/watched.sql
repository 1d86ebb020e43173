-- Facts about one bank's pledged cargo after a place, in the order in which they became visible to everybody.
SELECT w.xid::text, w.no, h.name
FROM lianyun.financing_watch w JOIN lianyun.financing_hold h ON h.financing = w.financing
WHERE (w.xid, w.no) > (%(xid)s::xid8, %(no)s) AND w.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND h.name >= %(first)s AND h.name < %(end)s
ORDER BY w.xid, w.no
LIMIT %(limit)s
