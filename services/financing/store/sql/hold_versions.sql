-- Keeps the versions as they are until the transaction ends: every one that is open, or under which something is held.
-- The least version from one on is found by one step into the index, where EXISTS may read all that is held.
SELECT v.number, v.key_id, v.normaliser, v.open FROM lianyun.financing_version v
WHERE v.open OR v.number = (
    SELECT min(e.version) FROM lianyun.financing_entry e WHERE e.version >= v.number AND e.freed IS NULL
)
ORDER BY v.number
FOR SHARE OF v
