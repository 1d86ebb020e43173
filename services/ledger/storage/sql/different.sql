SELECT n.no
FROM unnest(%(ids)s::uuid[], %(contents)s::uuid[], %(nos)s::bigint[]) AS n (id, content, no)
JOIN lianyun.identity i ON i.id = n.id
WHERE i.content <> n.content
