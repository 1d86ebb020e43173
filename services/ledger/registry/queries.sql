-- The SQL of the registry, by name.

-- name: add_event
INSERT INTO lianyun.registry_event (version, kind, at, by, body)
VALUES (%(version)s, %(kind)s, %(at)s, %(by)s, %(body)s::jsonb)

-- name: add_statement
INSERT INTO lianyun.registry_statement (number, version, text, signatures)
VALUES (%(number)s, %(version)s, %(text)s, %(signatures)s)

-- name: events
SELECT version, at, by, body::text FROM lianyun.registry_event
WHERE version > %(after)s AND version <= %(upto)s ORDER BY version

-- name: hold_version
-- Keeps the registry as it is until the transaction ends; many batches may hold it at once.
SELECT version FROM lianyun.registry_version FOR SHARE

-- name: keep_earlier
INSERT INTO lianyun.party_earlier (party, version, since, name, roles, countries, managers, places, topics, sources)
SELECT no, version, since, name, roles, countries, managers, places, topics, sources
FROM lianyun.party WHERE no = %(no)s

-- name: keys
SELECT p.code, k.scheme, k.public_key, k.not_before, k.not_after, k.revoked_at, k.compromised_since
FROM lianyun.party_key k
JOIN lianyun.party p ON p.no = k.party
ORDER BY k.key_id

-- name: parties
-- Every shape of every party, the newest first.
SELECT no, code, name, roles, countries, managers, places, topics, sources, since, version FROM lianyun.party
UNION ALL
SELECT e.party, p.code, e.name, e.roles, e.countries, e.managers, e.places, e.topics, e.sources, e.since, e.version
FROM lianyun.party_earlier e JOIN lianyun.party p ON p.no = e.party
ORDER BY no, version DESC

-- name: put_key
INSERT INTO lianyun.party_key
    (key_id, party, scheme, public_key, not_before, not_after, revoked_at, compromised_since)
VALUES
    (%(key_id)s, %(party)s, %(scheme)s, %(public_key)s, %(not_before)s, %(not_after)s, %(revoked_at)s,
     %(compromised_since)s)
ON CONFLICT (key_id) DO UPDATE
SET not_after = excluded.not_after,
    revoked_at = excluded.revoked_at,
    compromised_since = excluded.compromised_since

-- name: put_party
-- The newest shape; sources are only ever added, since nobody else may have one that was somebody's.
WITH put AS (
    INSERT INTO lianyun.party (no, code, name, roles, countries, managers, places, topics, sources, since, version)
    VALUES (%(no)s, %(code)s, %(name)s, %(roles)s, %(countries)s, %(managers)s, %(places)s, %(topics)s, %(sources)s,
            %(since)s, %(version)s)
    ON CONFLICT (no) DO UPDATE
    SET name = excluded.name,
        roles = excluded.roles,
        countries = excluded.countries,
        managers = excluded.managers,
        places = excluded.places,
        topics = excluded.topics,
        sources = excluded.sources,
        since = excluded.since,
        version = excluded.version
    RETURNING no
)
INSERT INTO lianyun.party_source (source, party)
SELECT source, no FROM put, unnest(%(sources)s::text[]) AS source
ON CONFLICT (source) DO NOTHING

-- name: set_version
UPDATE lianyun.registry_version SET version = %(version)s

-- name: statements
SELECT number, text, signatures FROM lianyun.registry_statement WHERE number >= %(first)s ORDER BY number

-- name: version
SELECT version FROM lianyun.registry_version
