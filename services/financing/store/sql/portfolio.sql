-- The financings of one bank after a name, in the order of names.
SELECT h.name FROM lianyun.financing_hold h
WHERE h.name > %(after)s AND h.name < %(end)s AND (NOT %(open)s OR NOT h.ended)
ORDER BY h.name
LIMIT %(limit)s
