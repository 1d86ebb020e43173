-- The letters of one batch, one row per digest. Known ones only count on; a new one keeps its raw bytes while its
-- publisher has room (two workers may overshoot by one batch each). Rows are taken in the order of their digests.
WITH incoming AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(digest)s::bytea[], %(publisher)s::text[], %(event)s::uuid[], %(reason)s::text[], %(detail)s::text[],
        %(pointer)s::text[], %(remedy)s::text[], %(count)s::bigint[], %(headers)s::bytea[], %(value)s::bytea[],
        %(value_bytes)s::bigint[], %(truncated)s::boolean[],
        %(first_append)s::bigint[], %(first_topic)s::text[], %(first_partition)s::integer[], %(first_offset)s::bigint[],
        %(last_append)s::bigint[], %(last_topic)s::text[], %(last_partition)s::integer[], %(last_offset)s::bigint[]
    ) AS i (
        digest, publisher, event, reason, detail, pointer, remedy, count, headers, value, value_bytes, truncated,
        first_append, first_topic, first_partition, first_offset,
        last_append, last_topic, last_partition, last_offset
    )
),
measured AS (
    SELECT i.*,
           coalesce(u.bytes, 0)
               + sum(octet_length(i.headers) + coalesce(octet_length(i.value), 0))
                     OVER (PARTITION BY i.publisher ORDER BY i.digest) <= %(cap)s AS fits
    FROM incoming i
    LEFT JOIN lianyun.dead_letter_usage u ON u.publisher = i.publisher
),
put AS (
    INSERT INTO lianyun.dead_letter AS d (
        digest, publisher, event, reason, detail, pointer, remedy, count, headers, value, value_bytes, truncated,
        first_append, first_topic, first_partition, first_offset,
        last_append, last_topic, last_partition, last_offset, seal
    )
    SELECT digest, publisher, event, reason, detail, pointer, remedy, count,
           CASE WHEN fits OR octet_length(headers) <= 2048 THEN headers ELSE ''::bytea END,
           CASE WHEN fits THEN value END,
           value_bytes,
           truncated OR NOT fits,
           first_append, first_topic, first_partition, first_offset,
           last_append, last_topic, last_partition, last_offset,
           sha256(digest || convert_to(concat_ws(' ', publisher, coalesce(value_bytes, -1), (truncated OR NOT fits)::integer), 'UTF8')
                  || sha256(CASE WHEN fits OR octet_length(headers) <= 2048 THEN headers ELSE ''::bytea END)
                  || CASE WHEN fits AND value IS NOT NULL THEN sha256(value) ELSE ''::bytea END)
    FROM measured
    ORDER BY digest
    ON CONFLICT (digest) DO UPDATE SET
        count = d.count + excluded.count,
        (first_append, first_topic, first_partition, first_offset) = (
            SELECT f.* FROM (VALUES
                (d.first_append, d.first_topic, d.first_partition, d.first_offset),
                (excluded.first_append, excluded.first_topic, excluded.first_partition, excluded.first_offset)
            ) AS f ORDER BY 1, 2, 3, 4 LIMIT 1
        ),
        (last_append, last_topic, last_partition, last_offset, reason, detail, pointer, remedy) = (
            SELECT l.* FROM (VALUES
                (d.last_append, d.last_topic, d.last_partition, d.last_offset,
                 d.reason, d.detail, d.pointer, d.remedy),
                (excluded.last_append, excluded.last_topic, excluded.last_partition, excluded.last_offset,
                 excluded.reason, excluded.detail, excluded.pointer, excluded.remedy)
            ) AS l ORDER BY 1 DESC, 2 DESC, 3 DESC, 4 DESC LIMIT 1
        )
    RETURNING d.publisher, d.xmax = 0 AS added,
              octet_length(d.headers) + coalesce(octet_length(d.value), 0) AS bytes
)
INSERT INTO lianyun.dead_letter_usage AS u (publisher, letters, bytes)
SELECT publisher, count(*), sum(bytes)
FROM put
WHERE added
GROUP BY publisher
ORDER BY publisher
ON CONFLICT (publisher) DO UPDATE SET letters = u.letters + excluded.letters, bytes = u.bytes + excluded.bytes
