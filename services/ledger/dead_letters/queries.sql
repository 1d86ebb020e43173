-- The SQL of the dead letters, by name.

-- name: content_of
SELECT uuid_send(content) FROM lianyun.identity WHERE id = %(event)s

-- name: cut_by_day
SELECT hour / 24, sum(messages)::bigint FROM lianyun.dead_letter_cut
WHERE publisher = %(publisher)s AND last_append >= %(since)s AND last_append < %(until)s
GROUP BY 1
ORDER BY 1

-- name: cut_tallies
SELECT publisher, reason, sum(messages)::bigint FROM lianyun.dead_letter_cut GROUP BY publisher, reason ORDER BY publisher, reason

-- name: cuts
SELECT topic, topic_id, part, publisher, reason, hour, messages, first_offset, last_offset, first_append, last_append, digest
FROM lianyun.dead_letter_cut
ORDER BY last_append DESC, topic, part, publisher, reason
LIMIT %(limit)s

-- name: full
-- Which of these hours of publishers have no room for another letter; what is full stays full.
SELECT h.publisher, h.hour
FROM unnest(%(publishers)s::text[], %(hours)s::bigint[]) AS n (publisher, hour)
JOIN lianyun.dead_letter_hour h ON h.publisher = n.publisher AND h.hour = n.hour
WHERE h.letters >= %(per_hour)s

-- name: judge_again
UPDATE lianyun.dead_letter
SET reason = %(reason)s, detail = %(detail)s, pointer = %(pointer)s, remedy = %(remedy)s,
    event = coalesce(%(event)s::uuid, event)
WHERE digest = %(digest)s

-- name: list
-- The latest seen first. An open letter whose event was accepted in another form counts as replaced. What a publisher signed rightly and
-- sent to a topic of somebody else is the publisher's too: by the framed header of its source.
SELECT d.digest, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       d.publisher, uuid_send(d.event), d.reason, d.detail, d.pointer, d.remedy, d.count,
       d.headers, d.value, d.value_bytes, d.truncated,
       d.first_append, d.first_topic, d.first_partition, d.first_offset,
       d.last_append, d.last_topic, d.last_partition, d.last_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE (%(state)s::text IS NULL
       OR %(state)s::text = CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END)
  AND (%(publisher)s::text IS NULL OR d.publisher = %(publisher)s::text
       OR d.reason = 'WRONG_TOPIC' AND d.event IS NOT NULL
          AND EXISTS (SELECT FROM unnest(%(sources)s::bytea[]) AS s (framed) WHERE position(s.framed IN d.headers) > 0))
  AND (%(reason)s::text IS NULL OR d.reason = %(reason)s::text)
  AND (%(before_append)s::bigint IS NULL
       OR (d.last_append, d.digest) < (%(before_append)s::bigint, %(before_digest)s::bytea))
ORDER BY d.last_append DESC, d.digest DESC
LIMIT %(limit)s

-- name: matching
-- How many list would give, without a limit.
SELECT count(*)
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE (%(state)s::text IS NULL
       OR %(state)s::text = CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END)
  AND (%(publisher)s::text IS NULL OR d.publisher = %(publisher)s::text
       OR d.reason = 'WRONG_TOPIC' AND d.event IS NOT NULL
          AND EXISTS (SELECT FROM unnest(%(sources)s::bytea[]) AS s (framed) WHERE position(s.framed IN d.headers) > 0))
  AND (%(reason)s::text IS NULL OR d.reason = %(reason)s::text)

-- name: named
SELECT d.digest, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       d.publisher, uuid_send(d.event), d.reason, d.detail, d.pointer, d.remedy, d.count,
       d.headers, d.value, d.value_bytes, d.truncated,
       d.first_append, d.first_topic, d.first_partition, d.first_offset,
       d.last_append, d.last_topic, d.last_partition, d.last_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE d.digest BETWEEN %(low)s AND %(high)s
ORDER BY d.digest
LIMIT 2

-- name: note
INSERT INTO lianyun.dead_letter_outcome (digest, at, by, action, outcome, detail)
SELECT digest, %(at)s, %(by)s, %(action)s, %(outcome)s, %(detail)s
FROM lianyun.dead_letter
WHERE digest = %(digest)s
RETURNING no

-- name: of_publisher
-- As list, of one publisher, by its index and without the bytes of the values.
SELECT d.digest, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       d.publisher, uuid_send(d.event), d.reason, d.detail, d.pointer, d.remedy, d.count,
       d.headers, NULL::bytea, d.value_bytes, d.truncated,
       d.first_append, d.first_topic, d.first_partition, d.first_offset,
       d.last_append, d.last_topic, d.last_partition, d.last_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE d.publisher = %(publisher)s AND d.last_append >= %(since)s
  AND (d.last_append, d.digest) < (%(before_append)s, %(before_digest)s)
  AND (%(state)s::text IS NULL
       OR %(state)s::text = CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END)
  AND position(%(header)s::bytea IN d.headers) > 0
ORDER BY d.last_append DESC, d.digest DESC
LIMIT %(limit)s

-- name: of_publisher_by_day
SELECT d.last_append / 86400000000, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       count(*)
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE d.publisher = %(publisher)s AND d.last_append >= %(since)s AND d.last_append < %(until)s
GROUP BY 1, 2
ORDER BY 1, 2

-- name: oldest
SELECT publisher, min(first_append) FROM lianyun.dead_letter WHERE state = 'OPEN' GROUP BY publisher

-- name: outcome_counts
SELECT outcome, count(*) FROM lianyun.dead_letter_outcome GROUP BY outcome ORDER BY outcome

-- name: outcomes
SELECT at, by, action, outcome, detail FROM lianyun.dead_letter_outcome WHERE digest = %(digest)s ORDER BY no

-- name: past
SELECT digest FROM lianyun.dead_letter
WHERE last_append < %(older_than)s
ORDER BY last_append, digest
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: purge
WITH gone AS (
    DELETE FROM lianyun.dead_letter d WHERE d.digest = ANY (%(digests)s::bytea[])
    RETURNING d.publisher, d.state, octet_length(d.headers) + coalesce(octet_length(d.value), 0) AS bytes
),
freed AS (
    INSERT INTO lianyun.dead_letter_usage AS u (publisher, letters, bytes)
    SELECT publisher, -count(*), -sum(bytes) FROM gone GROUP BY publisher ORDER BY publisher
    ON CONFLICT (publisher) DO UPDATE SET letters = u.letters + excluded.letters, bytes = u.bytes + excluded.bytes
)
SELECT state, count(*) FROM gone GROUP BY state

-- name: purge_cuts
WITH hours AS (DELETE FROM lianyun.dead_letter_hour WHERE hour < %(older_than)s / 3600000000)
DELETE FROM lianyun.dead_letter_cut WHERE last_append < %(older_than)s

-- name: purge_outcomes
DELETE FROM lianyun.dead_letter_outcome WHERE digest = ANY (%(digests)s::bytea[]) RETURNING no

-- name: redrive_done
UPDATE lianyun.redrive_request SET done = %(at)s, outcome = %(outcome)s WHERE no = %(no)s

-- name: redrive_requests
SELECT turn, issuer, uuid_send(person), requested, done, outcome FROM lianyun.redrive_request
WHERE digest = %(digest)s
ORDER BY turn

-- name: request_redrive
INSERT INTO lianyun.redrive_request (digest, turn, publisher, issuer, person, requested)
SELECT %(digest)s, %(turn)s, %(publisher)s, %(issuer)s, %(person)s, %(at)s
WHERE %(turn)s = (SELECT count(*) FROM lianyun.redrive_request WHERE digest = %(digest)s)
  AND NOT EXISTS (SELECT FROM lianyun.redrive_request WHERE digest = %(digest)s AND done IS NULL)
ON CONFLICT (digest, turn) DO NOTHING

-- name: settle
UPDATE lianyun.dead_letter SET state = %(state)s WHERE digest = %(digest)s AND state = ANY (%(of)s::text[])

-- name: take_redrive
SELECT r.no, r.digest, r.issuer, uuid_send(r.person),
       EXISTS (SELECT FROM lianyun.dead_letter d WHERE d.digest = r.digest AND d.publisher = r.publisher),
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM lianyun.redrive_request r
WHERE r.done IS NULL
ORDER BY r.no
LIMIT 1
FOR UPDATE OF r SKIP LOCKED

-- name: tallies
SELECT d.publisher, d.reason, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       count(*), sum(d.count)::bigint
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3

-- name: traced
-- Letters of one trace. Every letter is looked at: their number is bounded by retention, and nobody asks this often.
SELECT d.digest, CASE WHEN d.state = 'OPEN' AND i.id IS NOT NULL THEN 'REPLACED' ELSE d.state END,
       d.publisher, uuid_send(d.event), d.reason, d.detail, d.pointer, d.remedy, d.count,
       d.headers, d.value, d.value_bytes, d.truncated,
       d.first_append, d.first_topic, d.first_partition, d.first_offset,
       d.last_append, d.last_topic, d.last_partition, d.last_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.identity i ON i.id = d.event
WHERE position(%(trace)s::bytea IN d.headers) > 0
ORDER BY d.last_append DESC, d.digest DESC
LIMIT %(limit)s

-- name: upsert
-- The letters of one batch, one row per digest. Known ones only count on; a new one keeps its raw bytes while its
-- publisher has room, and is put down while its publisher's hour has room (two workers may overshoot by one batch each).
-- Beyond the hour's bound its copies are counted in dead_letter_cut. Rows are taken in the order of their digests.
WITH incoming AS MATERIALIZED (
    SELECT i.*, first_append / 3600000000 AS hour, reason <> 'INTERNAL_ERROR' AS bounded
    FROM unnest(
        %(digest)s::bytea[], %(publisher)s::text[], %(event)s::uuid[], %(reason)s::text[], %(detail)s::text[],
        %(pointer)s::text[], %(remedy)s::text[], %(count)s::bigint[], %(headers)s::bytea[], %(value)s::bytea[],
        %(value_bytes)s::bigint[], %(truncated)s::boolean[],
        %(first_append)s::bigint[], %(first_topic)s::text[], %(first_partition)s::bigint[], %(first_offset)s::bigint[],
        %(last_append)s::bigint[], %(last_topic)s::text[], %(last_partition)s::bigint[], %(last_offset)s::bigint[]
    ) WITH ORDINALITY AS i (
        digest, publisher, event, reason, detail, pointer, remedy, count, headers, value, value_bytes, truncated,
        first_append, first_topic, first_partition, first_offset,
        last_append, last_topic, last_partition, last_offset, ord
    )
),
counted AS MATERIALIZED (
    SELECT i.*,
           EXISTS (SELECT FROM lianyun.dead_letter d WHERE d.digest = i.digest) AS known
    FROM incoming i
),
judged AS MATERIALIZED (
    SELECT c.*,
           c.known OR NOT c.bounded
               OR coalesce(h.letters, 0) + count(*) FILTER (WHERE c.bounded AND NOT c.known) OVER (
                      PARTITION BY c.publisher, c.hour
                      ORDER BY c.first_append, c.first_topic, c.first_partition, c.first_offset, c.digest
                      ROWS UNBOUNDED PRECEDING
                  ) <= %(per_hour)s AS taken
    FROM counted c
    LEFT JOIN lianyun.dead_letter_hour h ON h.publisher = c.publisher AND h.hour = c.hour
),
measured AS (
    SELECT i.*,
           coalesce(u.bytes, 0)
               + sum(octet_length(i.headers) + coalesce(octet_length(i.value), 0))
                     OVER (PARTITION BY i.publisher ORDER BY i.digest) <= %(cap)s AS fits
    FROM judged i
    LEFT JOIN lianyun.dead_letter_usage u ON u.publisher = i.publisher
    WHERE i.taken
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
    RETURNING d.publisher, d.xmax = 0 AS added, d.reason <> 'INTERNAL_ERROR' AS bounded, d.first_append / 3600000000 AS hour,
              octet_length(d.headers) + coalesce(octet_length(d.value), 0) AS bytes
),
hours AS (
    INSERT INTO lianyun.dead_letter_hour AS h (publisher, hour, letters)
    SELECT publisher, hour, count(*) FROM put WHERE added AND bounded
    GROUP BY publisher, hour
    ORDER BY publisher, hour
    ON CONFLICT (publisher, hour) DO UPDATE SET letters = h.letters + excluded.letters
),
-- Joined by number, for sessions of workers join by index or row by row only.
beyond AS (
    SELECT c.topic, coalesce(o.topic_id, '') AS topic_id, c.part, c.publisher, c.reason, c.append / 3600000000 AS hour,
           c."offset", c.append, int8send(c."offset") || c.digest AS message
    FROM (SELECT array_agg(taken ORDER BY ord) AS of FROM judged) AS taken
    CROSS JOIN unnest(
        %(copy_of)s::bigint[], %(copy_digest)s::bytea[], %(copy_publisher)s::text[], %(copy_reason)s::text[],
        %(copy_topic)s::text[], %(copy_part)s::bigint[], %(copy_offset)s::bigint[], %(copy_append)s::bigint[]
    ) AS c (ord, digest, publisher, reason, topic, part, "offset", append)
    LEFT JOIN lianyun.kafka_offset o ON o.topic = c.topic AND o.part = c.part
    WHERE NOT taken.of[c.ord]
),
cut AS (
    INSERT INTO lianyun.dead_letter_cut AS d (
        topic, topic_id, part, publisher, reason, hour, messages, first_offset, last_offset, first_append, last_append, digest
    )
    SELECT b.topic, b.topic_id, b.part, b.publisher, b.reason, b.hour,
           count(*), min(b."offset"), max(b."offset"), min(b.append), max(b.append),
           lianyun.chained(coalesce(before.digest, ''), array_agg(b.message ORDER BY b."offset"))
    FROM beyond b
    LEFT JOIN lianyun.dead_letter_cut before USING (topic, topic_id, part, publisher, reason, hour)
    WHERE b."offset" > coalesce(before.last_offset, -1)
    GROUP BY b.topic, b.topic_id, b.part, b.publisher, b.reason, b.hour, before.digest
    ORDER BY b.topic, b.topic_id, b.part, b.publisher, b.reason, b.hour
    ON CONFLICT (topic, topic_id, part, publisher, reason, hour) DO UPDATE SET
        messages = d.messages + excluded.messages,
        last_offset = excluded.last_offset,
        first_append = least(d.first_append, excluded.first_append),
        last_append = greatest(d.last_append, excluded.last_append),
        digest = excluded.digest
)
INSERT INTO lianyun.dead_letter_usage AS u (publisher, letters, bytes)
SELECT publisher, count(*), sum(bytes)
FROM put
WHERE added
GROUP BY publisher
ORDER BY publisher
ON CONFLICT (publisher) DO UPDATE SET letters = u.letters + excluded.letters, bytes = u.bytes + excluded.bytes
