-- Each fact once with all financings that it was put down for, so that a step ends between two facts; every fact is in the
-- page, also one that concerns nobody any more, so that the position moves past it.
SELECT w.xid::text, w.no, (extract(epoch FROM coalesce(b.at, now())) * 1000000)::bigint,
       array_remove(array_agg(h.name ORDER BY h.name), NULL)
FROM (
    SELECT DISTINCT f.xid, f.no
    FROM lianyun.financing_watch f
    WHERE f.xid < pg_snapshot_xmin(pg_current_snapshot())
      AND f.xid >= %(xid)s::text::xid8 AND (f.xid > %(xid)s::text::xid8 OR f.no > %(no)s)
    ORDER BY f.xid, f.no
    LIMIT %(limit)s
) AS w
JOIN lianyun.financing_watch f ON (f.xid, f.no) = (w.xid, w.no)
LEFT JOIN lianyun.financing_hold h ON h.financing = f.financing
CROSS JOIN LATERAL (SELECT min(t.at) FROM lianyun.batch t WHERE t.xid = w.xid) AS b (at)
GROUP BY w.xid, w.no, b.at
ORDER BY w.xid, w.no
