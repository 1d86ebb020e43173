INSERT INTO dead (id, reason)
SELECT n.id, n.reason FROM unnest(%(ids)s::uuid[], %(reasons)s::smallint[]) AS n (id, reason)
ON CONFLICT (id) DO UPDATE SET reason = excluded.reason WHERE dead.reason <> excluded.reason
RETURNING id
