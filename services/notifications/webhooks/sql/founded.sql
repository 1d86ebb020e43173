SELECT DISTINCT ON (f.cons) f.cons, f.no
FROM lianyun.founding f
WHERE f.cons = ANY (%(ids)s::uuid[])
ORDER BY f.cons, f.dead, f.no
