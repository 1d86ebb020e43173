-- Everything that the decision depends on, in ascending order: two who share a part of it cannot wait for one another.
SELECT count(pg_advisory_xact_lock(l.key)) FROM (
    SELECT DISTINCT key FROM unnest(%(keys)s::bigint[]) AS k (key) ORDER BY key
) AS l
