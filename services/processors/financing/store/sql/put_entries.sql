INSERT INTO lianyun.financing_entry (financing, name, version, kind, digest, measure, part, whole, near)
VALUES (%(financing)s, %(name)s, %(version)s, %(kind)s, %(digest)s, %(measure)s, %(part)s, %(whole)s, %(near)s)
ON CONFLICT (financing, version, kind, digest) DO UPDATE
SET measure = excluded.measure, part = excluded.part, whole = excluded.whole, near = excluded.near, freed = NULL
