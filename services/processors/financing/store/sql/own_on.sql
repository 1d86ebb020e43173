-- The same, those of one bank only, with their names.
SELECT h.name
FROM (
    SELECT c.financing FROM lianyun.financing_cargo c WHERE c.consignment = ANY (%(ids)s::uuid[])
    UNION
    SELECT c.financing
    FROM lianyun.canonical k JOIN lianyun.financing_cargo c ON c.consignment = k.cons
    WHERE k.canonical = ANY (%(ids)s::uuid[])
) AS f
JOIN lianyun.financing_hold h ON h.financing = f.financing
WHERE h.name >= %(first)s AND h.name < %(end)s
ORDER BY h.name
