-- What is held under any of the fingerprints; without any, under those that the financing itself holds.
SELECT e.version, e.kind, e.digest, e.name, e.measure, e.part, e.whole, e.near
FROM lianyun.financing_entry e
WHERE e.freed IS NULL AND e.digest = ANY (ARRAY(
    SELECT unnest(%(prints)s::uuid[])
    UNION
    SELECT o.digest FROM lianyun.financing_entry o
    WHERE cardinality(%(prints)s::uuid[]) = 0 AND o.financing = %(own)s::uuid AND o.freed IS NULL
))
