-- Decisions and all that follows from them. What a financing takes anew is not freed first: one statement changes a row once.
WITH decision AS (
    INSERT INTO lianyun.financing_decision
        (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
         applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, headers, payload)
    SELECT d.number, d.position, d.before, d.at, d.action, d.outcome, d.asked_by, d.idempotency, d.asked, d.request,
           d.financing, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees::text[],
           d.notices::text[], d.guard, d.satisfied_by, d.rules, d.headers, d.payload
    FROM unnest(
        %(numbers)s::bigint[], %(positions)s::bigint[], %(befores)s::bigint[], %(ats)s::bigint[], %(actions)s::text[],
        %(outcomes)s::text[], %(asked_bys)s::text[], %(idempotencies)s::text[], %(askeds)s::uuid[], %(requests)s::uuid[],
        %(financings)s::text[], %(applications)s::text[], %(applicants)s::text[], %(products)s::text[],
        %(interests)s::text[], %(amounts)s::bigint[], %(currencies)s::text[], %(untils)s::bigint[], %(frees)s::text[],
        %(notices)s::text[], %(guards)s::text[], %(satisfied_bys)s::text[], %(rules)s::text[], %(headers)s::bytea[],
        %(payloads)s::bytea[]
    ) AS d (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
            applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, headers,
            payload)
), touched AS (
    INSERT INTO lianyun.financing_touched (financing, number)
    SELECT t.id, t.number FROM unnest(%(touched)s::uuid[], %(touched_by)s::bigint[]) AS t (id, number)
), freed_hold AS (
    UPDATE lianyun.financing_hold SET ended = true WHERE financing = ANY (%(freed_holds)s::uuid[])
), hold AS (
    INSERT INTO lianyun.financing_hold AS h (financing, name, blocks, pledged, ended)
    SELECT n.id, n.name, n.blocks, n.pledged, n.ended
    FROM unnest(
        %(holders)s::uuid[], %(holder_names)s::text[], %(blocks)s::boolean[], %(pledged)s::boolean[], %(ended)s::boolean[]
    ) AS n (id, name, blocks, pledged, ended)
    ON CONFLICT (financing) DO UPDATE
    SET pledged = h.pledged OR excluded.pledged,
        -- A reference whose reservation ran out may be reserved anew.
        ended = excluded.ended
), taken AS MATERIALIZED (
    SELECT * FROM unnest(
        %(takers)s::uuid[], %(taker_names)s::text[], %(versions)s::smallint[], %(kinds)s::smallint[], %(digests)s::uuid[],
        %(measures)s::text[], %(parts)s::bigint[], %(wholes)s::bigint[], %(nears)s::text[]
    ) AS e (financing, name, version, kind, digest, measure, part, whole, near)
), freed AS (
    UPDATE lianyun.financing_entry e
    SET freed = (
        SELECT f.number FROM unnest(%(freed)s::uuid[], %(freed_by)s::bigint[]) AS f (id, number) WHERE f.id = e.financing
    )
    WHERE e.financing = ANY (%(freed)s::uuid[]) AND e.freed IS NULL
      AND (e.financing, e.version, e.kind, e.digest) NOT IN (
          SELECT t.financing, t.version, t.kind, t.digest FROM taken t
      )
), entries AS (
    INSERT INTO lianyun.financing_entry (financing, name, version, kind, digest, measure, part, whole, near)
    SELECT t.financing, t.name, t.version, t.kind, t.digest, t.measure, t.part, t.whole, t.near::bigint[]
    FROM taken t
    ON CONFLICT (financing, version, kind, digest) DO UPDATE
    SET measure = excluded.measure, part = excluded.part, whole = excluded.whole, near = excluded.near, freed = NULL
)
INSERT INTO lianyun.financing_cargo (consignment, financing, key)
SELECT c.id, c.financing, c.key
FROM unnest(%(cargo)s::uuid[], %(cargo_of)s::uuid[], %(cargo_keys)s::text[]) AS c (id, financing, key)
ON CONFLICT (consignment, financing) DO NOTHING
