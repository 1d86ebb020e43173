INSERT INTO canonical (cons, canonical)
SELECT n.cons, n.canonical
FROM unnest(%(ids)s::uuid[], %(canonical)s::uuid[]) AS n (cons, canonical) LEFT JOIN canonical c ON c.cons = n.cons
WHERE n.cons <> n.canonical OR c.cons IS NOT NULL
ORDER BY n.cons
ON CONFLICT (cons) DO UPDATE SET canonical = excluded.canonical WHERE canonical.canonical <> excluded.canonical
RETURNING cons
