SELECT e.version, e.kind, e.digest, e.name, e.measure, e.part, e.whole, e.near
FROM lianyun.financing_entry e
WHERE e.financing = ANY (%(financings)s::uuid[]) AND e.freed IS NULL
