-- The financings of these ids by their names, each with the consignments that it was reserved on.
SELECT h.name, c.key
FROM lianyun.financing_cargo c JOIN lianyun.financing_hold h ON h.financing = c.financing
WHERE c.financing = ANY (%(financings)s::uuid[])
ORDER BY h.name, c.key
