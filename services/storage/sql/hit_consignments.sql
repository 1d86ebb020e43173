INSERT INTO hit (cons, revised) SELECT c.id, true FROM unnest(%(ids)s::uuid[]) AS c (id)
