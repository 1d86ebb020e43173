UPDATE lianyun.kafka_offset o SET next_offset = v.next_offset
FROM unnest(%(topics)s::text[], %(parts)s::bigint[], %(epochs)s::bigint[], %(firsts)s::bigint[],
            %(nexts)s::bigint[]) AS v (topic, part, epoch, first, next_offset)
WHERE o.topic = v.topic AND o.part = v.part AND o.epoch = v.epoch AND o.next_offset = v.first
