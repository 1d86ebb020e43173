INSERT INTO lianyun.webhook_again (xid, first_no, at, mark)
SELECT n.xid::xid8, n.first_no, n.at, %(mark)s
FROM unnest(%(xids)s::text[], %(nos)s::bigint[], %(ats)s::bigint[]) AS n (xid, first_no, at)
ON CONFLICT (xid, first_no) DO UPDATE SET mark = excluded.mark
