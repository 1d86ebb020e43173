-- For each consignment: what its group is called, who of the given parties is engaged in it, and which banks among them
-- hold a pledge in it.
SELECT n.cons, g.id,
       ARRAY(SELECT e.word FROM unnest(r.engaged) AS e (word) WHERE e.word = ANY (%(words)s::bigint[])),
       ARRAY(
           SELECT DISTINCT split_part(h.name, '/', 1)
           FROM (
               SELECT g.id UNION SELECT o.cons FROM lianyun.canonical o WHERE o.canonical = g.id
           ) AS m (cons)
           JOIN lianyun.financing_cargo c ON c.consignment = m.cons
           JOIN lianyun.financing_hold h ON h.financing = c.financing
           WHERE h.pledged AND NOT h.ended AND split_part(h.name, '/', 1) = ANY (%(parties)s::text[])
       )
FROM unnest(%(ids)s::uuid[]) AS n (cons)
LEFT JOIN lianyun.canonical k ON k.cons = n.cons
CROSS JOIN LATERAL (SELECT coalesce(k.canonical, n.cons)) AS g (id)
JOIN lianyun.reach r ON r.cons = g.id AND r.founded
