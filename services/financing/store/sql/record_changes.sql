-- What follows from decisions. What a financing takes anew is not freed first: one statement changes a row once.
WITH freed_hold AS (
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
