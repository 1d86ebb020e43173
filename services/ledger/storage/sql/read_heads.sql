SELECT h.cons, h.broken, h.boxes, h.behind, h.disputes, h.exceptions, h.movement, h.cn, h.eaeu, h.eu, h.other, h.document
FROM lianyun.head h
WHERE h.founded AND h.cons > %(after)s::uuid
ORDER BY h.cons
LIMIT %(limit)s
