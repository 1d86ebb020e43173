-- Reservations that were made or refused, in the order in which the decisions became visible.
SELECT d.xid::text, d.number, d.application FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND (d.xid, d.number) > (%(xid)s::text::xid8, %(no)s::bigint)
  AND d.action = 'RESERVE' AND d.outcome IN ('DONE', 'REFUSED')
ORDER BY d.xid, d.number
LIMIT %(limit)s
