-- The consignments in which financings are secured of which the events speak (an acknowledgement, a repayment).
SELECT DISTINCT coalesce(k.canonical, c.consignment)
FROM lianyun.financing_word w
JOIN lianyun.financing_cargo c ON c.financing = w.subject
LEFT JOIN lianyun.canonical k ON k.cons = c.consignment
WHERE w.no = ANY (%(nos)s::bigint[])
