UPDATE lianyun.kafka_offset o
SET next_offset = v.next_offset, events = o.events + v.events, refused = o.refused + v.refused,
    holes = o.holes + v.next_offset - v.first - v.events - v.refused,
    last_offset = CASE WHEN v.digest IS NOT NULL THEN v.next_offset - 1 END, last_digest = v.digest,
    last_leader_epoch = nullif(v.leader, -1)
FROM unnest(%(topics)s::text[], %(parts)s::bigint[], %(epochs)s::bigint[], %(firsts)s::bigint[], %(nexts)s::bigint[],
            %(events)s::bigint[], %(refused)s::bigint[], %(digests)s::bytea[], %(leaders)s::bigint[])
         AS v (topic, part, epoch, first, next_offset, events, refused, digest, leader)
WHERE o.topic = v.topic AND o.part = v.part AND o.epoch = v.epoch AND o.next_offset = v.first
