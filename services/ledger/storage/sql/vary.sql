INSERT INTO lianyun.variant (id, content, no)
SELECT n.id, n.content, n.no FROM unnest(%(ids)s::uuid[], %(contents)s::uuid[], %(nos)s::bigint[]) AS n (id, content, no)
ON CONFLICT (id, content) DO NOTHING
RETURNING no
