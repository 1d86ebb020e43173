-- What is held under any of the digests.
SELECT e.version, e.kind, e.digest, e.name, e.measure, e.part, e.whole, e.near
FROM lianyun.financing_entry e
WHERE e.digest = ANY (%(digests)s::uuid[]) AND e.freed IS NULL
