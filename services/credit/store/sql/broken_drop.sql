DELETE FROM lianyun.credit_broken b USING unnest(%(kinds)s::text[], %(names)s::text[]) AS n (kind, name)
WHERE (b.kind, b.name) = (n.kind, n.name)
