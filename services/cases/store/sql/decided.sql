-- Decisions on financings, in the order in which they became visible, with the consignments that each was on.
SELECT d.xid::text, d.number, ARRAY(
    SELECT DISTINCT coalesce(k.canonical, c.consignment)
    FROM lianyun.financing_touched t
    JOIN lianyun.financing_cargo c ON c.financing = t.financing
    LEFT JOIN lianyun.canonical k ON k.cons = c.consignment
    WHERE t.number = d.number
) FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND (d.xid, d.number) > (%(xid)s::text::xid8, %(no)s::bigint)
ORDER BY d.xid, d.number
LIMIT %(limit)s
