-- Pairs of financings of different banks that both hold one exact key whole; the core says whether they may.
SELECT a.name, b.name
FROM lianyun.financing_entry a
JOIN lianyun.financing_entry b ON b.digest = a.digest AND b.version = a.version AND b.kind = a.kind AND b.name > a.name
WHERE a.freed IS NULL AND b.freed IS NULL AND a.kind <= 6
GROUP BY a.name, b.name
