INSERT INTO lianyun.financing_entry (financing, name, version, kind, digest, measure, part, whole, near)
SELECT %(financing)s::uuid, %(name)s, e.version, e.kind, e.digest, e.measure, e.part, e.whole, e.near::bigint[]
FROM unnest(
    %(versions)s::smallint[], %(kinds)s::smallint[], %(digests)s::uuid[], %(measures)s::text[], %(parts)s::bigint[],
    %(wholes)s::bigint[], %(nears)s::text[]
) AS e (version, kind, digest, measure, part, whole, near)
ON CONFLICT (financing, version, kind, digest) DO UPDATE
SET measure = excluded.measure, part = excluded.part, whole = excluded.whole, near = excluded.near, freed = NULL
