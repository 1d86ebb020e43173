-- What somebody who claims nothing has moved under the owner's claims: an operator.
SELECT o.topic, o.part
FROM unnest(%(topics)s::text[], %(parts)s::bigint[], %(epochs)s::bigint[]) AS c (topic, part, epoch)
JOIN lianyun.kafka_offset o ON o.topic = c.topic AND o.part = c.part
WHERE o.owner = %(owner)s AND o.epoch > c.epoch
