INSERT INTO lianyun.party_key
    (key_id, party, scheme, public_key, not_before, not_after, revoked_at, compromised_since)
VALUES
    (%(key_id)s, %(party)s, %(scheme)s, %(public_key)s, %(not_before)s, %(not_after)s, %(revoked_at)s,
     %(compromised_since)s)
ON CONFLICT (key_id) DO UPDATE
SET not_after = excluded.not_after,
    revoked_at = excluded.revoked_at,
    compromised_since = excluded.compromised_since
