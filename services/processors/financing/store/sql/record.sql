-- A decision and all that follows from it. What a financing takes anew is not freed first: one statement changes a row once.
WITH decision AS (
    INSERT INTO lianyun.financing_decision
        (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
         applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, headers, payload)
    VALUES
        (%(number)s, %(position)s, %(before)s, %(at)s, %(action)s, %(outcome)s, %(asked_by)s, %(idempotency)s, %(asked)s,
         %(request)s, %(financing)s, %(application)s, %(applicant)s, %(product)s, %(interest)s, %(amount)s, %(currency)s,
         %(until)s, %(frees)s, %(notices)s, %(guard)s, %(satisfied_by)s, %(rules)s, %(headers)s, %(payload)s)
), touched AS (
    INSERT INTO lianyun.financing_touched (financing, number)
    SELECT DISTINCT f.id, %(number)s::bigint FROM unnest(%(touched)s::uuid[]) AS f (id)
), freed_hold AS (
    UPDATE lianyun.financing_hold SET ended = true WHERE financing = ANY (%(freed_holds)s::uuid[])
), hold AS (
    INSERT INTO lianyun.financing_hold AS h (financing, name, blocks, pledged, ended)
    SELECT %(own)s::uuid, %(financing)s, %(blocks)s, %(pledged)s, %(ended)s WHERE %(holds)s
    ON CONFLICT (financing) DO UPDATE
    SET pledged = h.pledged OR excluded.pledged,
        -- A reference whose reservation ran out may be reserved anew.
        ended = excluded.ended
), taken AS MATERIALIZED (
    SELECT * FROM unnest(
        %(versions)s::smallint[], %(kinds)s::smallint[], %(digests)s::uuid[], %(measures)s::text[], %(parts)s::bigint[],
        %(wholes)s::bigint[], %(nears)s::text[]
    ) AS e (version, kind, digest, measure, part, whole, near)
), freed AS (
    UPDATE lianyun.financing_entry e SET freed = %(number)s
    WHERE e.financing = ANY (%(freed)s::uuid[]) AND e.freed IS NULL AND NOT (
        e.financing = %(own)s::uuid AND (e.version, e.kind, e.digest) IN (SELECT t.version, t.kind, t.digest FROM taken t)
    )
), entries AS (
    INSERT INTO lianyun.financing_entry (financing, name, version, kind, digest, measure, part, whole, near)
    SELECT %(own)s::uuid, %(financing)s, t.version, t.kind, t.digest, t.measure, t.part, t.whole, t.near::bigint[]
    FROM taken t
    ON CONFLICT (financing, version, kind, digest) DO UPDATE
    SET measure = excluded.measure, part = excluded.part, whole = excluded.whole, near = excluded.near, freed = NULL
)
INSERT INTO lianyun.financing_cargo (consignment, financing, key)
SELECT c.id, %(own)s::uuid, c.key FROM unnest(%(cargo)s::uuid[], %(cargo_keys)s::text[]) AS c (id, key)
ON CONFLICT (consignment, financing) DO NOTHING
