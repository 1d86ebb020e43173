-- Forward within the same topic the gap is a hole; in a new topic, or backward, reading begins anew. In both cases
-- next_offset = beginning + events + refused + holes stays true.
WITH was AS (
    SELECT topic, part, next_offset, topic_id, stopped FROM lianyun.kafka_offset
    WHERE topic = %(topic)s AND part = %(part)s
    FOR UPDATE
)
UPDATE lianyun.kafka_offset o
SET next_offset = %(next)s,
    epoch = o.epoch + 1,
    topic_id = coalesce(%(topic_id)s, o.topic_id),
    last_offset = %(last_offset)s, last_digest = %(last_digest)s, last_leader_epoch = %(last_leader_epoch)s,
    stopped = NULL, stopped_detail = NULL, stopped_at = NULL,
    holes = CASE WHEN forward.yes THEN o.holes + %(next)s - o.next_offset ELSE o.holes END,
    beginning = CASE WHEN forward.yes THEN o.beginning ELSE %(next)s - o.events - o.refused - o.holes END
FROM was
CROSS JOIN LATERAL (
    SELECT %(next)s >= was.next_offset
       AND (was.topic_id IS NULL OR %(topic_id)s::text IS NULL OR was.topic_id = %(topic_id)s::text) AS yes
) AS forward
WHERE o.topic = was.topic AND o.part = was.part
RETURNING was.next_offset, was.topic_id, was.stopped
