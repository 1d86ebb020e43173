-- Of every party that may publish now: when it was heard, and when its last key ends (null: never).
SELECT p.code, a.appended, k.ends
FROM lianyun.party p
CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_or(s.not_after IS NULL) THEN NULL ELSE max(s.not_after) END AS ends, count(*) AS keys
    FROM lianyun.party_key s
    WHERE s.party = p.no AND s.revoked_at IS NULL
) AS k
LEFT JOIN lianyun.partner_accepted a ON a.party = p.no
WHERE k.keys > 0
ORDER BY p.code
