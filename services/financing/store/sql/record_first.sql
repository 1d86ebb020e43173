-- The same of decisions before which there was none on anything involved: none of these rows can be there already.
WITH hold AS (
    INSERT INTO lianyun.financing_hold (financing, name, blocks, pledged, ended)
    SELECT n.id, n.name, n.blocks, n.pledged, n.ended
    FROM unnest(
        %(holders)s::uuid[], %(holder_names)s::text[], %(blocks)s::boolean[], %(pledged)s::boolean[], %(ended)s::boolean[]
    ) AS n (id, name, blocks, pledged, ended)
), entries AS (
    INSERT INTO lianyun.financing_entry (financing, name, version, kind, digest, measure, part, whole, near)
    SELECT t.financing, t.name, t.version, t.kind, t.digest, t.measure, t.part, t.whole, t.near::bigint[]
    FROM unnest(
        %(takers)s::uuid[], %(taker_names)s::text[], %(versions)s::smallint[], %(kinds)s::smallint[], %(digests)s::uuid[],
        %(measures)s::text[], %(parts)s::bigint[], %(wholes)s::bigint[], %(nears)s::text[]
    ) AS t (financing, name, version, kind, digest, measure, part, whole, near)
)
INSERT INTO lianyun.financing_cargo (consignment, financing, key)
SELECT c.id, c.financing, c.key
FROM unnest(%(cargo)s::uuid[], %(cargo_of)s::uuid[], %(cargo_keys)s::text[]) AS c (id, financing, key)
