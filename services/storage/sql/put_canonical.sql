INSERT INTO canonical (cons, canonical)
SELECT n.cons, n.canonical FROM unnest(%(ids)s::uuid[], %(canonical)s::uuid[]) AS n (cons, canonical)
WHERE n.cons <> n.canonical OR EXISTS (SELECT 1 FROM canonical c WHERE c.cons = n.cons)
ON CONFLICT (cons) DO UPDATE SET canonical = excluded.canonical WHERE canonical.canonical <> excluded.canonical
RETURNING cons
