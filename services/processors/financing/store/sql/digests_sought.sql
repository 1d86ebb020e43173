SELECT unnest(%(digests)s::uuid[])
UNION
-- Without fingerprints of its own a request is about those that its financing holds.
SELECT o.digest FROM lianyun.financing_entry o
WHERE cardinality(%(digests)s::uuid[]) = 0 AND o.financing = %(own)s::uuid AND o.freed IS NULL
