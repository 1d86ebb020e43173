-- Further decisions that changed where financings stand, in the order in which they became visible for good.
SELECT d.xid::text, d.number, d.action, d.amount IS NOT NULL, d.financing, d.frees,
       d.outcome = 'DONE' AND d.action <> ALL (%(disposing)s::text[])
FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (d.xid, d.number) > (%(xid)s::text::xid8, %(no)s::bigint)
ORDER BY d.xid, d.number
LIMIT %(limit)s
