-- Each fact once with all financings that it was put down for, so that a step ends between two facts.
SELECT w.xid::text, w.no, (extract(epoch FROM b.at) * 1000000)::bigint, array_agg(h.name ORDER BY h.name)
FROM (
    SELECT DISTINCT f.xid, f.no
    FROM lianyun.financing_watch f
    WHERE f.xid < pg_snapshot_xmin(pg_current_snapshot())
      AND f.xid >= %(xid)s::text::xid8 AND (f.xid > %(xid)s::text::xid8 OR f.no > %(no)s)
    ORDER BY f.xid, f.no
    LIMIT %(limit)s
) AS w
JOIN lianyun.financing_watch f ON (f.xid, f.no) = (w.xid, w.no)
JOIN lianyun.financing_hold h ON h.financing = f.financing
CROSS JOIN LATERAL (SELECT min(t.at) FROM lianyun.batch t WHERE t.xid = w.xid) AS b (at)
GROUP BY w.xid, w.no, b.at
ORDER BY w.xid, w.no
