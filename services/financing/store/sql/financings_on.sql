-- The financings of which a consignment of the given groups is cargo, under any name of the group.
SELECT c.financing FROM lianyun.financing_cargo c WHERE c.consignment = ANY (%(ids)s::uuid[])
UNION
SELECT c.financing
FROM lianyun.canonical k JOIN lianyun.financing_cargo c ON c.consignment = k.cons
WHERE k.canonical = ANY (%(ids)s::uuid[])
