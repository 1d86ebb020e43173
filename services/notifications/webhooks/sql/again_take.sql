DELETE FROM lianyun.webhook_again
WHERE (xid, first_no) IN (
    SELECT a.xid, a.first_no FROM lianyun.webhook_again a
    WHERE a.mark < coalesce((SELECT p.id FROM lianyun.pending p ORDER BY p.id LIMIT 1), 9223372036854775807)
    ORDER BY a.mark
    LIMIT %(limit)s
)
RETURNING xid::text, first_no, at
