-- Those that were founded once: the others have no head.
INSERT INTO hit (cons, revised)
SELECT c.id, true FROM unnest(%(ids)s::uuid[]) AS c (id) JOIN reach r ON r.cons = c.id
