-- The financings of one bank that hold or held something under any of the digests.
SELECT DISTINCT e.name FROM lianyun.financing_entry e
WHERE e.digest = ANY (%(digests)s::uuid[]) AND e.freed IS NULL AND e.name >= %(first)s AND e.name < %(end)s
ORDER BY e.name
