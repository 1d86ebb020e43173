UPDATE founding c SET dead = n.dead
FROM unnest(%(nos)s::bigint[], %(dead)s::boolean[]) AS n (no, dead)
WHERE c.no = n.no AND c.dead <> n.dead
RETURNING c.no
