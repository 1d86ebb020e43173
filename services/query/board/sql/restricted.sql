-- The events that restrict the places, and those that lift a restriction.
WITH restricting AS (
    SELECT m.no, i.id FROM lianyun.mention m JOIN lianyun.body i ON i.no = m.no
    WHERE m.object = ANY (%(ids)s::uuid[])
)
SELECT no FROM restricting r WHERE NOT EXISTS (SELECT 1 FROM lianyun.dead d WHERE d.id = r.id)
UNION
SELECT m.no FROM restricting r JOIN lianyun.mention m ON m.object = r.id JOIN lianyun.body i ON i.no = m.no
WHERE NOT EXISTS (SELECT 1 FROM lianyun.dead d WHERE d.id = i.id)
