-- The consignments with the financings whose pledge in them stands.
SELECT DISTINCT c.consignment, h.name
FROM lianyun.financing_cargo c
JOIN lianyun.financing_hold h ON h.financing = c.financing
WHERE h.pledged AND NOT h.ended AND c.consignment = ANY (%(ids)s::uuid[])
ORDER BY h.name, c.consignment
