SELECT p.code, k.scheme, k.public_key, k.not_before, k.not_after, k.revoked_at, k.compromised_since
FROM lianyun.party_key k
JOIN lianyun.party p ON p.no = k.party
ORDER BY k.key_id
