-- Keeps the versions as they are until the transaction ends: every one that is open, or under which something is held.
SELECT v.number, v.key_id, v.normaliser, v.open FROM lianyun.financing_version v
WHERE v.open OR (SELECT true FROM lianyun.financing_entry e WHERE e.version = v.number AND e.freed IS NULL LIMIT 1)
ORDER BY v.number
FOR SHARE OF v
