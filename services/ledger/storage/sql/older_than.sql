-- Who goes on and does not say that its release knows that migration.
SELECT a.application_name, array_agg(a.pid ORDER BY a.pid)
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.application_name = ANY (%(names)s::text[])
  AND NOT EXISTS (
      SELECT FROM pg_locks l
      WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
        AND l.classid::bigint = %(class)s AND l.objid::bigint >= %(level)s
  )
GROUP BY a.application_name
ORDER BY a.application_name
