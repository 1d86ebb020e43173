UPDATE lianyun.kafka_offset
SET stopped = %(reason)s, stopped_detail = %(detail)s,
    stopped_at = CASE WHEN %(reason)s::text IS NULL THEN NULL ELSE coalesce(stopped_at, clock_timestamp()) END
WHERE topic = %(topic)s AND part = %(partition)s AND epoch = %(epoch)s AND stopped IS DISTINCT FROM %(reason)s
