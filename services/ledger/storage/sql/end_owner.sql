-- The session of a partition's last claimer, if it still is the same one and is inside a transaction.
SELECT a.pid, pg_terminate_backend(a.pid)
FROM (
    SELECT DISTINCT o.backend, o.backend_start
    FROM unnest(%(topics)s::text[], %(parts)s::bigint[]) AS w (topic, part)
    JOIN lianyun.kafka_offset o ON o.topic = w.topic AND o.part = w.part
) AS held
JOIN pg_stat_activity a ON a.pid = held.backend AND a.backend_start = held.backend_start
WHERE a.application_name = 'lianyun' AND a.pid <> pg_backend_pid()
  AND a.xact_start < clock_timestamp() - interval '1 second'
