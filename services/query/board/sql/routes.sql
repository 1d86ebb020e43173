-- The events that plan a route of the consignments, by consignment.
SELECT r.cons, m.no
FROM lianyun.reach r
JOIN lianyun.mention m ON m.object = ANY (r.objects || r.cons)
JOIN lianyun.body i ON i.no = m.no
WHERE r.cons = ANY (%(ids)s::uuid[]) AND NOT EXISTS (SELECT 1 FROM lianyun.dead d WHERE d.id = i.id)
