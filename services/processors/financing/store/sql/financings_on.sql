-- The financings of which a consignment of the given groups is cargo, under any name of the group.
SELECT DISTINCT c.financing
FROM lianyun.financing_cargo c
LEFT JOIN lianyun.canonical k ON k.cons = c.consignment
WHERE c.consignment = ANY (%(ids)s::uuid[]) OR k.canonical = ANY (%(ids)s::uuid[])
