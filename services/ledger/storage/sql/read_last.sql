-- The place before the last so many visible events.
SELECT l.xid::text, l.no FROM (
    SELECT b.xid, b.first_no, e.no
    FROM lianyun.batch b
    CROSS JOIN LATERAL (
        SELECT y.no FROM lianyun.body y WHERE y.no >= b.first_no AND y.no < b.first_no + 4096
    ) AS e
    WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY b.xid DESC, b.first_no DESC, e.no DESC
    OFFSET %(count)s LIMIT 1
) AS l
