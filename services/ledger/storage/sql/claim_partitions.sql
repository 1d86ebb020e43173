-- A mark that does not stand before the next offset is of the time before another release moved the row: it proves nothing.
INSERT INTO lianyun.kafka_offset AS o (topic, part, topic_id, beginning, next_offset, epoch, owner, backend, backend_start)
SELECT w.topic, w.part, w.topic_id, w.beginning, w.beginning, 1, %(owner)s, pg_backend_pid(), s.backend_start
FROM unnest(%(topics)s::text[], %(parts)s::bigint[], %(topic_ids)s::text[], %(beginnings)s::bigint[])
         AS w (topic, part, topic_id, beginning),
     (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()) AS s
ON CONFLICT (topic, part) DO UPDATE
SET epoch = o.epoch + 1, owner = excluded.owner, backend = excluded.backend, backend_start = excluded.backend_start,
    topic_id = coalesce(o.topic_id, excluded.topic_id), claimed = clock_timestamp(),
    last_offset = CASE WHEN o.last_offset = o.next_offset - 1 THEN o.last_offset END,
    last_digest = CASE WHEN o.last_offset = o.next_offset - 1 THEN o.last_digest END,
    last_leader_epoch = CASE WHEN o.last_offset = o.next_offset - 1 THEN o.last_leader_epoch END
RETURNING o.topic, o.part, o.next_offset, o.epoch, o.topic_id, o.last_offset, o.last_digest, o.last_leader_epoch, o.stopped
