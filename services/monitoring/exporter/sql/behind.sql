SELECT EXISTS (
    SELECT FROM lianyun.exporter_cursor c
    CROSS JOIN LATERAL (
        SELECT FROM lianyun.batch b
        WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (b.xid, b.first_no) > (c.xid, c.no)
        LIMIT 1
    ) AS n
)
