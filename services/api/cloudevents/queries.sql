-- The SQL of the fates of posted events, by name.

-- name: fate_of
-- For each identity, whoever brought it where: an accepted event, else the letter that was seen last. A letter WRONG_TOPIC with an
-- identity was rightly signed by the owner of its source, whoever the topic is put down to.
WITH asked (ord, id) AS MATERIALIZED (
    SELECT a.ord, a.id FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS a (id, ord)
), found (ord, no) AS MATERIALIZED (
    SELECT a.ord, i.no FROM asked a JOIN lianyun.identity i ON i.id = a.id
), start (ord, id, lo, hi) AS MATERIALIZED (
    SELECT f.ord, s.id, s.lo, s.hi FROM found f CROSS JOIN LATERAL lianyun.spoken_of(f.no) AS s
), founded (ord) AS (
    SELECT DISTINCT d.key
    FROM (SELECT array_agg(ord) AS ords, array_agg(id) AS ids, array_agg(lo) AS los, array_agg(hi) AS his FROM start) AS s
    CROSS JOIN LATERAL lianyun.led_to(s.ords, s.ids, s.los, s.his) AS d
    JOIN lianyun.founding g ON g.cons = d.id AND NOT g.dead
)
SELECT f.no IS NOT NULL,
       f.no IS NOT NULL AND EXISTS (SELECT FROM lianyun.variant v WHERE v.id = a.id),
       true,
       EXISTS (SELECT FROM lianyun.quarantine q WHERE q.no = f.no),
       EXISTS (SELECT FROM start s WHERE s.ord = a.ord) AND NOT EXISTS (SELECT FROM founded g WHERE g.ord = a.ord),
       e.reason, e.detail, e.pointer, e.remedy
FROM asked a
LEFT JOIN found f ON f.ord = a.ord
LEFT JOIN LATERAL (
    SELECT d.reason, d.detail, d.pointer, d.remedy FROM lianyun.dead_letter d
    WHERE d.event = a.id AND (d.publisher = %(publisher)s OR d.reason = 'WRONG_TOPIC')
    ORDER BY d.last_append DESC, d.digest
    LIMIT 1
) AS e ON true
ORDER BY a.ord

-- name: fates
-- For each record: whether the ledger has passed it; whether its content is the accepted one, whether it is one of several
-- under its identity, whether it is this record that brought it, whether it counts, whether it reaches no consignment; and its letter.
WITH asked (ord, id, content, letter, topic, part, "offset") AS MATERIALIZED (
    SELECT a.ord, a.id, a.content, a.letter, a.topic, a.part, a."offset"
    FROM unnest(%(ids)s::uuid[], %(contents)s::uuid[], %(letters)s::bytea[], %(topics)s::text[], %(parts)s::bigint[],
                %(offsets)s::bigint[])
        WITH ORDINALITY AS a (id, content, letter, topic, part, "offset", ord)
), found (ord, no, same) AS MATERIALIZED (
    SELECT a.ord, i.no, i.content = a.content FROM asked a JOIN lianyun.identity i ON i.id = a.id
), start (ord, id, lo, hi) AS MATERIALIZED (
    SELECT f.ord, s.id, s.lo, s.hi FROM found f CROSS JOIN LATERAL lianyun.spoken_of(f.no) AS s WHERE f.same
), founded (ord) AS (
    SELECT DISTINCT d.key
    FROM (SELECT array_agg(ord) AS ords, array_agg(id) AS ids, array_agg(lo) AS los, array_agg(hi) AS his FROM start) AS s
    CROSS JOIN LATERAL lianyun.led_to(s.ords, s.ids, s.los, s.his) AS d
    JOIN lianyun.founding g ON g.cons = d.id AND NOT g.dead
)
SELECT coalesce(o.next_offset > a."offset", false),
       coalesce(f.same, false),
       EXISTS (SELECT FROM lianyun.variant v WHERE v.id = a.id AND (f.same OR v.content = a.content)),
       coalesce(t.name = a.topic AND y.part = a.part AND y."offset" = a."offset", false),
       EXISTS (SELECT FROM lianyun.quarantine q WHERE q.no = f.no),
       EXISTS (SELECT FROM start s WHERE s.ord = a.ord) AND NOT EXISTS (SELECT FROM founded g WHERE g.ord = a.ord),
       e.reason, e.detail, e.pointer, e.remedy
FROM asked a
LEFT JOIN lianyun.kafka_offset o ON o.topic = a.topic AND o.part = a.part
LEFT JOIN found f ON f.ord = a.ord
LEFT JOIN lianyun.body y ON y.no = f.no
LEFT JOIN lianyun.topic t ON t.no = y.topic
LEFT JOIN lianyun.dead_letter e ON e.digest = a.letter AND e.publisher = ANY (ARRAY[%(publisher)s, a.topic])
ORDER BY a.ord
