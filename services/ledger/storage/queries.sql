-- The SQL of the store, by name.

-- name: accept_loss
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

-- name: announce
SELECT pg_advisory_lock_shared(%(class)s::integer, %(level)s::integer)

-- name: ascend
-- The live links by which anything reaches one of the consignments other than by train, those between them, and what frees
-- the objects on the way. Above boxes are wagons and trains only: they are left out.
WITH RECURSIVE up (kind, left_id, right_id, start_at, until, publisher, territorial, names, open) AS (
    SELECT l.* FROM unnest(%(ids)s::uuid[]) AS c (id) CROSS JOIN LATERAL (
        SELECT n.kind, n.left_id, n.right_id, n.start_at, n.until, n.publisher, n.territorial, n.names, n.end_at IS NULL
        FROM link n WHERE n.right_id = c.id AND NOT n.dead
        OFFSET 0  -- from below to above, whatever the planner believes about empty tables
    ) AS l
    UNION
    SELECT l.* FROM up u CROSS JOIN LATERAL (
        SELECT n.kind, n.left_id, n.right_id, n.start_at, n.until, n.publisher, n.territorial, n.names, n.end_at IS NULL
        FROM link n WHERE n.right_id = u.left_id AND NOT n.dead AND n.kind NOT IN (6, 7, 11)
        OFFSET 0
    ) AS l
    WHERE u.kind <> 8 AND u.kind < 11
)
SELECT * FROM up

-- name: break_heads
UPDATE head h SET broken = true, founded = true
FROM unnest(%(ids)s::uuid[]) AS n (id)
WHERE h.cons = n.id AND NOT (h.broken AND h.founded)

-- name: bury
INSERT INTO dead (id, reason)
SELECT n.id, n.reason FROM unnest(%(ids)s::uuid[], %(reasons)s::smallint[]) AS n (id, reason)
ON CONFLICT (id) DO UPDATE SET reason = excluded.reason WHERE dead.reason <> excluded.reason
RETURNING id

-- name: claim_partitions
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

-- name: component
-- Every event that is tied to the given ones by corrections and retractions, in either direction.
WITH RECURSIVE tied (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS seed (id)
    UNION
    SELECT n.id FROM tied t CROSS JOIN LATERAL (
        SELECT w.target FROM withdrawal w WHERE w.event = t.id
        UNION ALL
        SELECT w.event FROM withdrawal w WHERE w.target = t.id
    ) AS n (id)
)
SELECT id FROM tied

-- name: contents
-- The contents accepted under each id, and whether each is in quarantine.
SELECT c.id, c.no, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = c.no)
FROM unnest(%(ids)s::uuid[]) AS t (id)
CROSS JOIN LATERAL (
    SELECT i.id, i.no FROM lianyun.identity i WHERE i.id = t.id
    UNION ALL
    SELECT v.id, v.no FROM lianyun.variant v WHERE v.id = t.id
) AS c

-- name: dead_among
SELECT n.id FROM unnest(%(ids)s::uuid[]) AS n (id)
WHERE (SELECT true FROM dead d WHERE d.id = n.id)

-- name: descend
-- The consignments (not only canonical ones) whose structure the given events may touch, and of each whether only by what they
-- free. Liveness and time are left aside on purpose: what a link says no longer, or said for another time, must be looked at
-- as well. What frees a box leads to whatever it was assigned to; only unloading moves nothing but trains.
WITH RECURSIVE down (id, kind, frees) AS (
    SELECT id, kind, frees FROM (
        SELECT l.right_id AS id, l.right_kind AS kind, l.kind > 10 AS frees
        FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN link l ON l.no = n.no
        WHERE l.kind NOT IN (6, 7, 9, 11)
        UNION ALL
        SELECT l.left_id, 1::smallint, false
        FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN link l ON l.no = n.no
        WHERE l.kind = 8
        UNION ALL
        SELECT f.cons, 1::smallint, false FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN founding f ON f.no = n.no
        UNION ALL
        SELECT c.id, 1::smallint, false FROM unnest(%(consignments)s::uuid[]) AS c (id)
    ) AS seed
    UNION
    SELECT n.id, n.kind, d.frees FROM down d CROSS JOIN LATERAL (
        SELECT l.right_id, l.right_kind FROM link l WHERE l.left_id = d.id AND l.kind IN (1, 2, 3, 4, 5, 10)
        UNION ALL
        -- Declared the same by a party of this side: strangers cannot tie consignments together.
        SELECT CASE WHEN l.left_id = d.id THEN l.right_id ELSE l.left_id END, 1::smallint
        FROM (
            SELECT s.left_id, s.right_id, s.publisher FROM link s WHERE s.left_id = d.id AND s.kind = 8
            UNION ALL
            SELECT s.left_id, s.right_id, s.publisher FROM link s WHERE s.right_id = d.id AND s.kind = 8
        ) AS l
        WHERE d.kind = 1 AND EXISTS (
            SELECT 1 FROM founding f
            WHERE f.cons = d.id AND (f.publisher = l.publisher OR l.publisher = ANY (f.names))
        )
    ) AS n (id, kind)
)
SELECT id, bool_and(frees) FROM down WHERE kind = 1 GROUP BY id

-- name: different
SELECT n.no
FROM unnest(%(ids)s::uuid[], %(contents)s::uuid[], %(nos)s::bigint[]) AS n (id, content, no)
JOIN lianyun.identity i ON i.id = n.id
WHERE i.content <> n.content

-- name: end_frozen
SELECT a.pid, pg_terminate_backend(a.pid) FROM pg_stat_activity a
WHERE a.application_name = 'lianyun' AND a.pid <> pg_backend_pid() AND a.datname = current_database()
  AND a.backend_xid IS NOT NULL AND a.wait_event_type = 'Client'
  AND greatest(a.xact_start, a.query_start, a.state_change) < clock_timestamp() - interval '2 seconds'

-- name: end_owner
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

-- name: equivocations
-- The ids under which several contents were accepted, the latest variant first.
SELECT uuid_send(v.id) FROM lianyun.variant v GROUP BY v.id ORDER BY max(v.no) DESC LIMIT %(limit)s

-- name: fence
UPDATE lianyun.kafka_offset o
SET next_offset = v.next_offset, events = o.events + v.events, refused = o.refused + v.refused,
    holes = o.holes + v.next_offset - v.first - v.events - v.refused,
    last_offset = CASE WHEN v.digest IS NOT NULL THEN v.next_offset - 1 END, last_digest = v.digest,
    last_leader_epoch = nullif(v.leader, -1)
FROM unnest(%(topics)s::text[], %(parts)s::bigint[], %(epochs)s::bigint[], %(firsts)s::bigint[], %(nexts)s::bigint[],
            %(events)s::bigint[], %(refused)s::bigint[], %(digests)s::bytea[], %(leaders)s::bigint[])
         AS v (topic, part, epoch, first, next_offset, events, refused, digest, leader)
WHERE o.topic = v.topic AND o.part = v.part AND o.epoch = v.epoch AND o.next_offset = v.first

-- name: flip_claims
UPDATE claim c SET dead = n.dead
FROM unnest(%(nos)s::bigint[], %(dead)s::boolean[]) AS n (no, dead)
WHERE c.no = n.no AND c.dead <> n.dead
RETURNING c.no, c.kind

-- name: flip_foundings
UPDATE founding c SET dead = n.dead
FROM unnest(%(nos)s::bigint[], %(dead)s::boolean[]) AS n (no, dead)
WHERE c.no = n.no AND c.dead <> n.dead
RETURNING c.no

-- name: flip_links
UPDATE link c SET dead = n.dead
FROM unnest(%(nos)s::bigint[], %(dead)s::boolean[]) AS n (no, dead)
WHERE c.no = n.no AND c.dead <> n.dead
RETURNING c.no

-- name: fold_heads
-- The heads of this transaction, folded under their locks: this statement's snapshot is younger than they are.
-- A head is merged with new claims alone where that is exact: each is the only answer to its question, opens or closes
-- nothing, the consignment has one box at most, and what moves it does not lie so near to what moved it before that the
-- order of the journey decides. Every other head is folded from all its claims, all of them together: each step below is
-- one pass over the rows of many consignments.
WITH hits AS MATERIALIZED (
    SELECT n.cons, n.complex
               -- A closing changes nothing where nothing is open.
               OR n.closes AND h.exceptions > 0
               OR n.moves > 2 OR n.moves = 2 AND n.last - n.first < %(clock_tolerance)s
               OR coalesce(
                   h.since - %(clock_tolerance)s < n.first AND h.clock + %(clock_tolerance)s > n.first
                   OR h.since - %(clock_tolerance)s < n.last AND h.clock + %(clock_tolerance)s > n.last, false
               ) AS complex,
           CASE WHEN n.moves > 0 THEN n.movement || n.last END AS movement, n.cn, n.eaeu, n.eu, n.other, n.document
    FROM (
        SELECT j.cons, bool_or(j.complex) AS complex, bool_or(j.closes) AS closes,
               count(*) FILTER (WHERE j.part = 1) AS moves,
               min(j.stage[1]) FILTER (WHERE j.part = 1) AS first,
               max(j.stage[1]) FILTER (WHERE j.part = 1) AS last,
               max(j.stage) FILTER (WHERE j.part = 1) AS movement,
               max(j.stage) FILTER (WHERE j.part = 2) AS cn,
               max(j.stage) FILTER (WHERE j.part = 3) AS eaeu,
               max(j.stage) FILTER (WHERE j.part = 4) AS eu,
               max(j.stage) FILTER (WHERE j.part = 5) AS other,
               max(j.stage) FILTER (WHERE j.part = 6) AS document
        FROM (
            SELECT t.cons,
                   ARRAY[t.happened, t.published, t.event_hi, t.event_lo, t.milestone, t.place] AS stage,
                   CASE WHEN counted.yes AND NOT (t.part = 1 AND t.kind = 4 AND t.object <> ALL (r.held))
                        THEN t.part ELSE 0 END AS part,
                   counted.yes AND t.episode < 0 AS closes,
                   t.revised OR counted.yes AND (
                       t.episode > 0
                       OR t.part = 1 AND cardinality(r.held) > 1
                       OR EXISTS (
                           SELECT 1 FROM claim s WHERE s.object = t.object AND s.slot = t.slot AND s.no <> t.no
                       )
                   ) AS complex
            FROM hit t
            JOIN reach r ON r.cons = t.cons
            CROSS JOIN LATERAL (
                SELECT array_position(r.objects, t.object) AS place OFFSET 0
            ) AS way
            CROSS JOIN LATERAL (
                -- Most objects reach by one way. The ways of one object stand side by side.
                SELECT (t.territorial OR t.publisher = ANY (r.engaged)) AND CASE
                           WHEN way.place IS NULL THEN false
                           WHEN t.happened >= r.starts[way.place] AND t.happened < r.untils[way.place] THEN true
                           WHEN r.objects[way.place + 1] IS DISTINCT FROM t.object THEN false
                           ELSE EXISTS (
                               SELECT 1 FROM unnest(r.objects, r.starts, r.untils) AS w (object, start_at, until)
                               WHERE w.object = t.object AND t.happened >= w.start_at AND t.happened < w.until
                           )
                       END AS yes
                OFFSET 0
            ) AS counted
            WHERE %(only)s::uuid[] IS NULL OR t.cons = ANY (%(only)s::uuid[])
            OFFSET 0  -- kept apart, else every part of the head looks for the ways again
        ) AS j
        GROUP BY j.cons
    ) AS n
    LEFT JOIN LATERAL (
        SELECT b.exceptions, b.movement[1] AS since, b.movement[7] AS clock FROM head b WHERE b.cons = n.cons OFFSET 0
    ) AS h ON true
), told AS MATERIALIZED (
    -- The current answers of whoever counts. A consignment of which nothing is said has one row without a claim.
    SELECT DISTINCT ON (f.cons, c.object, c.slot, c.publisher)
           f.cons, r.founded, cardinality(r.held) AS boxes,
           c.object = ANY (r.held) AS held, c.object = ANY (r.parts) AS partial, c.*
    FROM (
        -- Judged before any claim is read: of a broken head nothing is.
        SELECT g.cons FROM hits g
        WHERE g.complex AND (SELECT b.broken FROM head b WHERE b.cons = g.cons) IS NOT TRUE
        OFFSET 0
    ) AS f
    CROSS JOIN LATERAL (SELECT * FROM reach WHERE reach.cons = f.cons OFFSET 0) AS r
    LEFT JOIN LATERAL (
        SELECT n.*
        FROM unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
        -- From ways to claims, whatever the planner believes about tables that were empty when it looked.
        CROSS JOIN LATERAL (
            SELECT m.slot, m.publisher, m.object, m.happened, m.published, m.event_hi, m.event_lo, m.place, m.stop,
                   m.tolerance, m.jurisdiction, m.milestone, m.episode, m.kind, m.part, m.assurance
            FROM claim m
            WHERE m.object = way.object AND m.happened >= way.start_at AND m.happened < way.until
              AND NOT m.dead AND (m.territorial OR m.publisher = ANY (r.engaged))
            OFFSET 0
        ) AS n
    ) AS c ON true
    ORDER BY f.cons, c.object, c.slot, c.publisher, c.published DESC, c.event_hi DESC, c.event_lo DESC
), question AS (
    -- Of several answers to a question the one of the greatest assurance shows, then the latest.
    SELECT a.cons, a.object, bool_or(a.founded) AS founded, max(a.boxes) AS boxes, bool_or(a.held) AS held,
           max(a.kind) AS kind, max(a.part) AS part,
           max(a.tolerance) >= 0
               AND max(a.happened) - min(a.happened) > max(a.tolerance) * 1000000::bigint AS disputed,
           (max(ARRAY[
               a.assurance, a.happened, a.published, a.event_hi, a.event_lo, a.milestone, a.place, a.stop
           ]) FILTER (WHERE a.object IS NOT NULL))[2:] AS best
    FROM told a
    GROUP BY a.cons, a.object, a.slot
), moving AS MATERIALIZED (
    -- What moves the boxes that are waited for. The stage ends with when its stop was first reached on the way.
    SELECT m.*, m.best[:6] || CASE WHEN m.way AND m.stop <> 0 THEN m.first ELSE m.best[1] END AS moved
    FROM (
        SELECT b.cons, b.object, b.kind = 4 AS boxed, b.held, b.best, b.best[1] AS happened, b.best[7] AS stop, s.way,
               b.best[5] = ANY (%(leaving)s::bigint[]) AS leaves, b.best[5] = %(handed_over)s AS handed,
               CASE WHEN s.way THEN %(on_the_way)s * 100 ELSE b.best[5] END AS step,
               CASE WHEN s.way THEN 2 * coalesce(array_position(%(at_a_place)s::bigint[], b.best[5]), 0)
                                    + (b.best[6] = b.best[7])::integer END AS at_place,
               (%(crossings)s::bigint[])[array_position(%(border_places)s::bigint[], b.best[7])] AS border,
               min(b.best[1]) FILTER (WHERE s.way) OVER (PARTITION BY b.cons, b.best[7]) AS first
        FROM question b
        CROSS JOIN LATERAL (SELECT b.best[5] / 100 = %(on_the_way)s AS way) AS s
        WHERE b.part = 1
    ) AS m
    WHERE m.held OR NOT m.boxed
), standing AS MATERIALIZED (
    -- The last movement of each box, and (box NULL) of the cargo without them. An earlier step of the journey yields to a
    -- later one of the time before it that clocks may be wrong by: of the whole journey, at its stop, or across the border.
    SELECT y.cons, y.box, max(y.moved) FILTER (WHERE NOT y.yields) AS position, max(y.happened) AS clock
    FROM (
        SELECT t.cons, t.box, t.moved, t.happened,
               max(t.step) OVER near > t.step
               OR t.way AND (
                   t.stop <> 0 AND coalesce(max(t.at_place) OVER near_here > t.at_place, false)
                   OR t.border IS NOT NULL AND CASE
                       WHEN t.leaves THEN t.stop <> t.border AND coalesce(
                           t.stop <> max(t.stop) FILTER (WHERE t.way AND NOT t.leaves AND t.stop <> t.border) OVER across
                           OR t.stop <> min(t.stop) FILTER (WHERE t.way AND NOT t.leaves AND t.stop <> t.border) OVER across,
                           false)
                       ELSE NOT t.handed AND coalesce(
                           t.stop <> max(t.stop) FILTER (WHERE t.handed) OVER across
                           OR t.stop <> min(t.stop) FILTER (WHERE t.handed) OVER across, false)
                   END
               ) AS yields
        FROM (
            SELECT m.*, m.object AS box FROM moving m WHERE m.boxed
            UNION ALL
            SELECT m.*, b.box
            FROM moving m CROSS JOIN LATERAL (
                SELECT unnest(reach.held || NULL::uuid) AS box FROM reach WHERE reach.cons = m.cons OFFSET 0
            ) AS b
            WHERE NOT m.boxed
        ) AS t
        WINDOW near AS (
            PARTITION BY t.cons, t.box ORDER BY t.happened
            RANGE BETWEEN %(clock_tolerance)s::bigint - 1 PRECEDING AND CURRENT ROW
        ), near_here AS (
            PARTITION BY t.cons, t.box, t.stop ORDER BY t.happened
            RANGE BETWEEN %(clock_tolerance)s::bigint - 1 PRECEDING AND CURRENT ROW
        ), across AS (
            PARTITION BY t.cons, t.box, t.border ORDER BY t.happened
            RANGE BETWEEN %(clock_tolerance)s::bigint - 1 PRECEDING AND 1 PRECEDING
        )
    ) AS y
    GROUP BY y.cons, y.box
), object AS (
    -- With a row for the cargo without its boxes (object NULL).
    SELECT q.cons, q.object, bool_or(q.founded) AS founded, max(q.boxes) AS boxes, bool_or(q.held) AS held,
           sum(q.disputed::integer) AS disputes,
           (max(q.best) FILTER (WHERE q.part = 2))[:6] AS cn,
           (max(q.best) FILTER (WHERE q.part = 3))[:6] AS eaeu,
           (max(q.best) FILTER (WHERE q.part = 4))[:6] AS eu,
           (max(q.best) FILTER (WHERE q.part = 5))[:6] AS other,
           (max(q.best) FILTER (WHERE q.part = 6))[:6] AS document,
           max(q.position) AS position,
           max(max(q.position) FILTER (WHERE q.object IS NULL)) OVER (PARTITION BY q.cons) AS common,
           max(max(q.clock)) OVER (PARTITION BY q.cons) AS clock
    FROM (
        SELECT b.cons, b.object, b.founded, b.boxes, b.held, b.disputed, b.best, b.part,
               NULL::bigint[] AS position, NULL::bigint AS clock
        FROM question b
        UNION ALL
        SELECT s.cons, s.box, NULL, NULL, NULL, NULL, NULL, NULL, s.position, s.clock FROM standing s
    ) AS q
    GROUP BY q.cons, q.object
), open AS (
    -- Open: a latest opening after the closings that may answer it; a bare assertion answers only one. In customs, a
    -- closing of the whole cargo answers for each of its objects, a release for one box only.
    SELECT o.cons FROM (
        SELECT e.cons,
               max(e.stage) FILTER (WHERE e.opens AND e.assurance < 2) AS asserted,
               max(e.stage) FILTER (WHERE e.opens AND e.assurance >= 2) AS vouched,
               greatest(
                   max(e.stage) FILTER (WHERE NOT e.opens),
                   max(max(e.stage) FILTER (WHERE NOT e.opens AND e.whole)) OVER cargo
               ) AS closed,
               greatest(
                   max(e.stage) FILTER (WHERE NOT e.opens AND e.assurance >= 2),
                   max(max(e.stage) FILTER (WHERE NOT e.opens AND e.whole AND e.assurance >= 2)) OVER cargo
               ) AS closed_well
        FROM (
            SELECT a.cons, a.object, k.kind, a.jurisdiction, a.episode > 0 AS opens, a.assurance,
                   a.jurisdiction <> 0 AND a.kind <> 4 AND NOT a.partial
                       AND (a.episode <> %(release)s OR a.boxes < 2) AS whole,
                   ARRAY[a.happened, a.published, a.event_hi, a.event_lo] AS stage
            FROM told a
            CROSS JOIN LATERAL unnest(
                CASE a.episode WHEN %(release)s THEN %(held_back)s::bigint[] ELSE ARRAY[abs(a.episode)] END
            ) AS k (kind)
            WHERE a.episode <> 0
        ) AS e
        GROUP BY e.cons, e.object, e.kind, e.jurisdiction
        WINDOW cargo AS (PARTITION BY e.cons, e.kind, e.jurisdiction)
    ) AS o
    WHERE o.asserted > coalesce(o.closed, '{}') OR o.vouched > coalesce(o.closed_well, '{}')
), folded AS (
    SELECT p.cons, bool_or(p.founded) AS founded, max(p.boxes) AS boxes,
           coalesce(sum(p.disputes), 0) AS disputes, count(*) FILTER (WHERE p.open) AS exceptions,
           max(p.cn) AS cn, max(p.eaeu) AS eaeu, max(p.eu) AS eu, max(p.other) AS other,
           max(p.document) AS document, max(p.clock) AS clock,
           max(p.common[:6]) AS common,
           -- Boxes without any claim of their own have the common position: they are held minus known.
           count(*) FILTER (WHERE p.held AND p.position IS NOT NULL) AS known,
           array_agg(p.position[5] / 100) FILTER (WHERE p.held AND p.position IS NOT NULL) AS phases,
           least(
               min(progress(p.position, %(on_the_way)s, %(at_a_place)s::bigint[]))
                   FILTER (WHERE p.held AND p.position IS NOT NULL),
               CASE WHEN count(*) FILTER (WHERE p.held AND p.position IS NOT NULL) < max(p.boxes)
                    THEN progress(max(p.common), %(on_the_way)s, %(at_a_place)s::bigint[]) END
           ) AS least
    FROM (
        SELECT o.cons, o.founded, o.boxes, o.held, o.disputes, o.cn, o.eaeu, o.eu, o.other, o.document,
               coalesce(o.position, o.common) AS position, o.common, o.clock, false AS open
        FROM object o
        UNION ALL
        SELECT n.cons, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true FROM open n
    ) AS p
    GROUP BY p.cons
)
UPDATE head h
SET founded = CASE WHEN v.complex THEN v.founded ELSE h.founded END,
    boxes = CASE WHEN v.complex THEN v.boxes ELSE h.boxes END,
    behind = CASE WHEN v.complex THEN v.behind ELSE h.behind END,
    disputes = CASE WHEN v.complex THEN v.disputes ELSE h.disputes END,
    exceptions = CASE WHEN v.complex THEN v.exceptions ELSE h.exceptions END,
    movement = CASE WHEN v.complex THEN v.movement ELSE greatest(h.movement, v.movement) END,
    cn = CASE WHEN v.complex THEN v.cn ELSE greatest(h.cn, v.cn) END,
    eaeu = CASE WHEN v.complex THEN v.eaeu ELSE greatest(h.eaeu, v.eaeu) END,
    eu = CASE WHEN v.complex THEN v.eu ELSE greatest(h.eu, v.eu) END,
    other = CASE WHEN v.complex THEN v.other ELSE greatest(h.other, v.other) END,
    document = CASE WHEN v.complex THEN v.document ELSE greatest(h.document, v.document) END
FROM (
    SELECT g.cons, false AS complex, NULL::boolean AS founded, NULL::integer AS boxes, NULL::integer AS behind,
           NULL::bigint AS disputes, NULL::bigint AS exceptions,
           g.movement, g.cn, g.eaeu, g.eu, g.other, g.document
    FROM hits g WHERE NOT g.complex
    UNION ALL
    SELECT s.cons, true, s.founded, s.boxes,
           CASE
               WHEN s.boxes = 0 THEN 0
               WHEN s.common IS NULL AND s.known < s.boxes THEN s.boxes - s.known
               ELSE coalesce(cardinality(array_positions(s.phases, s.least[1] / 100)), 0)
                    + CASE WHEN s.common[5] / 100 = s.least[1] / 100 THEN s.boxes - s.known ELSE 0 END
           END,
           s.disputes, s.exceptions,
           CASE
               WHEN s.boxes = 0 THEN CASE WHEN s.common IS NOT NULL THEN s.common || s.clock END
               WHEN s.common IS NULL AND s.known < s.boxes THEN NULL
               ELSE s.least[4:] || s.clock
           END,
           s.cn, s.eaeu, s.eu, s.other, s.document
    FROM folded s
) AS v
WHERE h.cons = v.cons AND NOT h.broken
  -- Most heads that are looked at once more, and many that hear of plans or older facts, stay as they are.
  AND CASE
      WHEN v.complex THEN
          (h.founded, h.boxes, h.behind, h.disputes, h.exceptions, h.movement, h.cn, h.eaeu, h.eu, h.other, h.document)
          IS DISTINCT FROM
          (v.founded, v.boxes, v.behind, v.disputes, v.exceptions, v.movement, v.cn, v.eaeu, v.eu, v.other, v.document)
      ELSE v.movement > coalesce(h.movement, '{}') OR v.cn > coalesce(h.cn, '{}')
          OR v.eaeu > coalesce(h.eaeu, '{}') OR v.eu > coalesce(h.eu, '{}')
          OR v.other > coalesce(h.other, '{}') OR v.document > coalesce(h.document, '{}')
  END

-- name: fold_trains
-- As fold_heads: merged where that is exact, else folded from all claims about the train, about which everybody counts.
UPDATE train_head h
SET milestone = CASE WHEN v.complex THEN v.milestone ELSE greatest(h.milestone, v.new_milestone) END,
    position = CASE WHEN v.complex THEN v.position ELSE greatest(h.position, v.new_position) END,
    exceptions = CASE WHEN v.complex THEN v.exceptions ELSE h.exceptions END
FROM (
    SELECT g.*, f.*
    FROM (
        SELECT t.train, bool_or(t.complex) AS complex,
               max(t.stage) FILTER (WHERE t.part > 0 AND t.number <> %(running)s) AS new_milestone,
               max(t.stage) FILTER (WHERE t.part > 0 AND t.place <> 0) AS new_position
        FROM (
            SELECT c.object AS train, c.part, c.milestone AS number, c.place,
                   ARRAY[c.happened, c.published, c.event_hi, c.event_lo, c.milestone, c.place] AS stage,
                   c.episode <> 0 OR EXISTS (
                       SELECT 1 FROM claim s WHERE s.object = c.object AND s.slot = c.slot AND s.no <> c.no
                   ) AS complex
            FROM claim c
            WHERE c.no >= %(first)s AND c.no < %(top)s AND c.kind = 7 AND NOT c.dead
            UNION ALL
            SELECT c.object, 0::smallint, 0::smallint, 0, NULL, true
            FROM unnest(%(flipped)s::bigint[]) AS f (no) JOIN claim c ON c.no = f.no
            WHERE c.kind = 7
        ) AS t
        GROUP BY t.train
    ) AS g
    LEFT JOIN LATERAL (
        SELECT max(a.stage) FILTER (WHERE a.part > 0 AND a.number <> %(running)s) AS milestone,
               max(a.stage) FILTER (WHERE a.part > 0 AND a.place <> 0) AS position,
               CASE WHEN bool_or(a.opens) THEN (
                   SELECT count(*) FROM (
                       SELECT max(e.stage) FILTER (WHERE e.opens AND e.assurance < 2) AS asserted,
                              max(e.stage) FILTER (WHERE e.opens AND e.assurance >= 2) AS vouched,
                              max(e.stage) FILTER (WHERE NOT e.opens) AS closed,
                              max(e.stage) FILTER (WHERE NOT e.opens AND e.assurance >= 2) AS closed_well
                       FROM (
                           SELECT k.kind, n.jurisdiction, n.episode > 0 AS opens, n.assurance,
                                  ARRAY[n.happened, n.published, n.event_hi, n.event_lo] AS stage
                           FROM train_answers(g.train) AS n
                           CROSS JOIN LATERAL unnest(
                               CASE n.episode WHEN %(release)s THEN %(held_back)s::bigint[] ELSE ARRAY[abs(n.episode)] END
                           ) AS k (kind)
                           WHERE n.episode <> 0
                       ) AS e
                       GROUP BY e.kind, e.jurisdiction
                   ) AS told
                   WHERE told.asserted > coalesce(told.closed, '{}') OR told.vouched > coalesce(told.closed_well, '{}')
               ) ELSE 0 END AS exceptions
        FROM (
            -- Of several answers to a question the one of the greatest assurance shows, then the latest.
            SELECT max(n.part) AS part, max(n.milestone) AS number, max(n.place) AS place, bool_or(n.episode > 0) AS opens,
                   (max(ARRAY[
                       n.assurance, n.happened, n.published, n.event_hi, n.event_lo, n.milestone, n.place
                   ]))[2:] AS stage
            FROM train_answers(g.train) AS n
            GROUP BY n.slot
        ) AS a
        HAVING g.complex
    ) AS f ON true
) AS v
WHERE h.train = v.train
  AND CASE
      WHEN v.complex THEN (h.milestone, h.position, h.exceptions) IS DISTINCT FROM (v.milestone, v.position, v.exceptions)
      ELSE v.new_milestone > coalesce(h.milestone, '{}') OR v.new_position > coalesce(h.position, '{}')
  END

-- name: foundings
SELECT f.cons, f.publisher, f.names
FROM unnest(%(ids)s::uuid[]) AS c (id) JOIN founding f ON f.cons = c.id
WHERE NOT f.dead

-- name: hit_claims
-- Which consignments the new claims (and those that died or revived) reach by links in force when they happened.
-- Dead links are followed too; whether a way counts is judged under the lock of the head. Most claims are about a
-- consignment or are one link away from it: these are taken as they are. Only where a paper stands in between, one walks
-- on from it, with no more of the claim than that needs. Each step goes from what is reached to its links, whatever the
-- planner believes.
INSERT INTO hit (cons, revised, no, happened, published, event_hi, event_lo, slot, place, publisher, object, episode,
                 kind, milestone, part, territorial)
WITH RECURSIVE fresh AS MATERIALIZED (
    SELECT c.no, c.object, c.kind, c.happened, false AS revised, c.published, c.event_hi, c.event_lo, c.slot, c.place,
           c.publisher, c.episode, c.milestone, c.part, c.territorial
    FROM claim c
    WHERE c.no >= %(first)s AND c.no < %(top)s AND NOT c.dead AND c.kind IN (1, 2, 3, 4, 5)
    UNION ALL
    SELECT c.no, c.object, c.kind, c.happened, true, c.published, c.event_hi, c.event_lo, c.slot, c.place,
           c.publisher, c.episode, c.milestone, c.part, c.territorial
    FROM unnest(%(flipped)s::bigint[]) AS f (no) CROSS JOIN LATERAL (
        SELECT * FROM claim WHERE claim.no = f.no AND claim.kind IN (1, 2, 3, 4, 5) OFFSET 0
    ) AS c
), near AS MATERIALIZED (
    SELECT l.right_id AS id, l.right_kind AS to_kind, f.*
    FROM fresh f CROSS JOIN LATERAL (
        SELECT right_id, right_kind FROM link
        WHERE link.left_id = f.object AND link.kind IN (1, 2, 3, 4, 5, 10)
          AND link.start_at <= f.happened AND link.until > f.happened
        OFFSET 0
    ) AS l
    WHERE f.kind <> 1
), on_paper (no, object, happened, revised, id, to_kind) AS (
    SELECT n.no, n.object, n.happened, n.revised, n.id, n.to_kind FROM near n WHERE n.to_kind <> 1
    UNION
    SELECT p.no, p.object, p.happened, p.revised, l.right_id, l.right_kind
    FROM on_paper p CROSS JOIN LATERAL (
        SELECT right_id, right_kind FROM link
        WHERE link.left_id = p.id AND link.kind IN (1, 2, 3, 4, 5, 10)
          AND link.start_at <= p.happened AND link.until > p.happened
        OFFSET 0
    ) AS l
    WHERE p.to_kind <> 1
), reached AS (
    SELECT f.object AS id, f.* FROM fresh f WHERE f.kind = 1
    UNION ALL
    SELECT n.id, n.no, n.object, n.kind, n.happened, n.revised, n.published, n.event_hi, n.event_lo, n.slot, n.place,
           n.publisher, n.episode, n.milestone, n.part, n.territorial
    FROM near n WHERE n.to_kind = 1
    UNION ALL
    SELECT p.id, c.no, c.object, c.kind, c.happened, p.revised, c.published, c.event_hi, c.event_lo, c.slot, c.place,
           c.publisher, c.episode, c.milestone, c.part, c.territorial
    FROM on_paper p CROSS JOIN LATERAL (
        SELECT * FROM claim WHERE claim.no = p.no AND claim.object = p.object AND claim.happened = p.happened OFFSET 0
    ) AS c
    WHERE p.to_kind = 1
)
SELECT r.cons, d.revised, d.no, d.happened, d.published, d.event_hi, d.event_lo, d.slot, d.place, d.publisher, d.object,
       d.episode, d.kind, d.milestone, d.part, d.territorial
FROM reached d
CROSS JOIN LATERAL (
    SELECT reach.cons FROM reach
    WHERE reach.cons = coalesce((SELECT k.canonical FROM canonical k WHERE k.cons = d.id), d.id)
    OFFSET 0
) AS r

-- name: hit_consignments
-- Those that were founded once: the others have no head.
INSERT INTO hit (cons, revised)
SELECT c.id, true FROM unnest(%(ids)s::uuid[]) AS c (id) JOIN reach r ON r.cons = c.id

-- name: hit_consignments_distinct
SELECT DISTINCT cons FROM hit ORDER BY cons

-- name: hold
-- Keeps the registry and the current generation as they are until the transaction ends.
SELECT r.version, g.number, nextval('lianyun.event_block')
FROM lianyun.registry_version r, lianyun.generation g
WHERE g.state = 'CURRENT'
FOR SHARE

-- name: identify
INSERT INTO lianyun.identity (id, content, no)
SELECT n.id, n.content, n.no FROM unnest(%(ids)s::uuid[], %(contents)s::uuid[], %(nos)s::bigint[]) AS n (id, content, no)
ON CONFLICT (id) DO NOTHING
RETURNING no

-- name: let_heads_be_held
-- The API and the pages hold the heads of what they decide on; to hold a row they must be allowed to update a column of it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT UPDATE (exceptions) ON lianyun.head TO lianyun_api;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT UPDATE (exceptions) ON lianyun.head TO lianyun_pages;
    END IF;
END
$$

-- name: lock_decided
-- Everything that the decision depends on, in ascending order: two who share a part of it cannot wait for one another.
SELECT count(pg_advisory_xact_lock(l.key)) FROM (
    SELECT DISTINCT key FROM unnest(%(keys)s::bigint[]) AS k (key) ORDER BY key
) AS l

-- name: lock_heads
-- Every head of the transaction in one statement and in order: two workers cannot deadlock on heads.
INSERT INTO head (cons)
SELECT DISTINCT t.cons FROM hit t ORDER BY t.cons
ON CONFLICT (cons) DO UPDATE SET cons = excluded.cons WHERE false

-- name: lock_trains
INSERT INTO train_head (train)
SELECT DISTINCT c.object FROM (
    SELECT n.object FROM claim n WHERE n.no >= %(first)s AND n.no < %(top)s AND n.kind = 7
    UNION ALL
    SELECT n.object FROM unnest(%(flipped)s::bigint[]) AS f (no) JOIN claim n ON n.no = f.no WHERE n.kind = 7
) AS c
ORDER BY c.object
ON CONFLICT (train) DO UPDATE SET train = excluded.train WHERE false

-- name: log_fence
INSERT INTO lianyun.fence_log (owner, what) VALUES (%(owner)s, %(what)s)

-- name: moment_decided
-- The clock and the horizon once the locks are held; a statement of its own, so that its snapshot is younger than them.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint

-- name: moved_claims
-- What somebody who claims nothing has moved under the owner's claims: an operator.
SELECT o.topic, o.part
FROM unnest(%(topics)s::text[], %(parts)s::bigint[], %(epochs)s::bigint[]) AS c (topic, part, epoch)
JOIN lianyun.kafka_offset o ON o.topic = c.topic AND o.part = c.part
WHERE o.owner = %(owner)s AND o.epoch > c.epoch

-- name: note_stopped
UPDATE lianyun.kafka_offset
SET stopped = %(reason)s, stopped_detail = %(detail)s,
    stopped_at = CASE WHEN %(reason)s::text IS NULL THEN NULL ELSE coalesce(stopped_at, clock_timestamp()) END
WHERE topic = %(topic)s AND part = %(partition)s AND epoch = %(epoch)s AND stopped IS DISTINCT FROM %(reason)s

-- name: older_than
-- Who goes on and does not say that its release knows that migration.
SELECT a.application_name, array_agg(a.pid ORDER BY a.pid)
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.application_name = ANY (%(names)s::text[])
  AND NOT EXISTS (
      SELECT FROM pg_locks l
      WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
        AND l.classid::bigint = %(class)s AND l.objid::bigint >= %(level)s
  )
GROUP BY a.application_name
ORDER BY a.application_name

-- name: pending_count
SELECT count(*) FROM pending

-- name: pending_leave
INSERT INTO pending (judged, nos, consignments)
VALUES (%(judged)s::uuid[], %(nos)s::bigint[], %(consignments)s::uuid[])

-- name: pending_mark
UPDATE pending SET mark = pg_current_xact_id()
WHERE id IN (
    SELECT p.id FROM pending p WHERE p.mark IS NULL AND p.id = ANY (%(ids)s::bigint[]) FOR UPDATE SKIP LOCKED
)

-- name: pending_take
-- Every transaction that began before the mark has ended: nothing can have missed these changes any more.
WITH ripe AS (
    DELETE FROM pending WHERE id IN (
        SELECT p.id FROM pending p
        WHERE p.mark <= pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY p.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    RETURNING judged, nos, consignments
)
SELECT judged, nos, consignments FROM ripe

-- name: pending_unmarked
-- Before this transaction has an id of its own: whatever was committed by then is older than that id.
SELECT id FROM pending WHERE mark IS NULL

-- name: put_batch
-- The digest covers the row itself, whose transaction only the database knows.
INSERT INTO lianyun.batch (first_no, events, taken, digest)
VALUES (%(first)s::bigint, %(events)s::integer, %(taken)s::integer, sha256(%(digest)s::bytea || convert_to(concat_ws(
    ' ', pg_current_xact_id(), %(first)s::bigint, %(events)s::integer, %(taken)s::integer,
    (extract(epoch FROM now()) * 1000000)::bigint
), 'UTF8')))

-- name: put_canonical
INSERT INTO canonical (cons, canonical)
SELECT n.cons, n.canonical
FROM unnest(%(ids)s::uuid[], %(canonical)s::uuid[]) AS n (cons, canonical) LEFT JOIN canonical c ON c.cons = n.cons
WHERE n.cons <> n.canonical OR c.cons IS NOT NULL
ORDER BY n.cons
ON CONFLICT (cons) DO UPDATE SET canonical = excluded.canonical WHERE canonical.canonical <> excluded.canonical
RETURNING cons

-- name: put_reach
-- A row that stays as it is is not held: whoever changes it meanwhile leaves a note, as does whoever derives it here.
INSERT INTO reach (cons, founded, engaged, objects, starts, untils, held, parts)
SELECT n.cons, n.founded, n.engaged, n.objects, n.starts, n.untils, n.held, n.parts
FROM fresh_reach n LEFT JOIN reach r ON r.cons = n.cons
WHERE r.cons IS NULL AND n.founded
   OR (r.founded, r.engaged, r.objects, r.starts, r.untils, r.held, r.parts)
      IS DISTINCT FROM (n.founded, n.engaged, n.objects, n.starts, n.untils, n.held, n.parts) AND r.cons IS NOT NULL
ORDER BY n.cons
ON CONFLICT (cons) DO UPDATE
SET founded = excluded.founded, engaged = excluded.engaged, objects = excluded.objects, starts = excluded.starts,
    untils = excluded.untils, held = excluded.held, parts = excluded.parts
WHERE (reach.founded, reach.engaged, reach.objects, reach.starts, reach.untils, reach.held, reach.parts)
   IS DISTINCT FROM
      (excluded.founded, excluded.engaged, excluded.objects, excluded.starts, excluded.untils, excluded.held,
       excluded.parts)
RETURNING cons

-- name: quarantine
WITH aside AS (
    INSERT INTO lianyun.quarantine (no)
    SELECT b.no FROM lianyun.body b WHERE b.key_id = %(key)s AND b.appended >= %(start)s
    ON CONFLICT DO NOTHING
    RETURNING no
)
SELECT b.id FROM aside a JOIN lianyun.body b ON b.no = a.no

-- name: read_batches
SELECT b.xid::text, b.first_no, b.events, b.at
FROM lianyun.batch b
WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND b.xid >= %(xid)s::text::xid8 AND (b.xid > %(xid)s::text::xid8 OR b.first_no > %(no)s)
ORDER BY b.xid, b.first_no
LIMIT %(limit)s

-- name: read_bodies
SELECT b.no, uuid_send(b.id), uuid_send(b.content), t.name, b.part, b."offset", b.appended, b.registry, b.rules, b.key_id, b.headers,
       b.payload, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = b.no)
FROM unnest(%(nos)s::bigint[]) AS n (no)
JOIN lianyun.body b ON b.no = n.no
JOIN lianyun.topic t ON t.no = b.topic
ORDER BY b.no

-- name: read_closure
-- The given events with all that withdraws or lifts them, at any depth, and all contents under their ids.
WITH RECURSIVE told (id) AS (
    SELECT b.id FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN lianyun.body b ON b.no = n.no
    UNION
    SELECT n.id FROM told t CROSS JOIN LATERAL (
        SELECT w.event FROM lianyun.withdrawal w WHERE w.target = t.id
        UNION ALL
        SELECT b.id FROM lianyun.mention m JOIN lianyun.body b ON b.no = m.no WHERE m.object = t.id
    ) AS n (id)
)
SELECT c.no FROM told t CROSS JOIN LATERAL (
    SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
    UNION ALL
    SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
) AS c

-- name: read_consignments
-- The founded consignments (as their groups are called) that facts about each object reach by live links, at any time.
SELECT o.place, c.cons
FROM unnest(%(ids)s::uuid[], %(kinds)s::smallint[]) WITH ORDINALITY AS o (id, kind, place)
CROSS JOIN LATERAL (
    WITH RECURSIVE down (id, kind, lo, hi) AS (
        SELECT o.id, o.kind, -4611686018427387904, 4611686018427387904
        UNION
        SELECT l.right_id, l.right_kind, greatest(d.lo, l.start_at), least(d.hi, l.until)
        FROM down d JOIN lianyun.link l ON l.left_id = d.id
        WHERE d.kind <> 1 AND l.kind <> 8 AND l.kind < 11 AND NOT l.dead AND l.start_at < d.hi AND l.until > d.lo
    )
    SELECT DISTINCT h.cons
    FROM down d
    LEFT JOIN lianyun.canonical k ON k.cons = d.id
    JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id)
    WHERE d.kind = 1 AND h.founded
) AS c
ORDER BY o.place, c.cons

-- name: read_heads
SELECT h.cons, h.broken, h.boxes, h.behind, h.disputes, h.exceptions, h.movement, h.cn, h.eaeu, h.eu, h.other, h.document
FROM lianyun.head h
WHERE h.founded AND h.cons > %(after)s::uuid
ORDER BY h.cons
LIMIT %(limit)s

-- name: read_heads_of
SELECT h.cons, h.broken, h.boxes, h.behind, h.disputes, h.exceptions, h.movement, h.cn, h.eaeu, h.eu, h.other, h.document
FROM (SELECT DISTINCT coalesce(k.canonical, n.id) AS cons
      FROM unnest(%(ids)s::uuid[]) AS n (id) LEFT JOIN lianyun.canonical k ON k.cons = n.id) AS c
JOIN lianyun.head h ON h.cons = c.cons
WHERE h.founded
ORDER BY h.cons

-- name: read_ids
SELECT c.no FROM unnest(%(ids)s::uuid[]) AS n (id) CROSS JOIN LATERAL (
    SELECT i.no FROM lianyun.identity i WHERE i.id = n.id
    UNION ALL
    SELECT v.no FROM lianyun.variant v WHERE v.id = n.id
) AS c

-- name: read_last
-- The place before the last so many visible events.
SELECT l.xid::text, l.no FROM (
    SELECT b.xid, b.first_no, e.no
    FROM lianyun.batch b
    CROSS JOIN LATERAL (
        SELECT y.no FROM lianyun.body y WHERE y.no >= b.first_no AND y.no < b.first_no + 4096
    ) AS e
    WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY b.xid DESC, b.first_no DESC, e.no DESC
    OFFSET %(count)s LIMIT 1
) AS l

-- name: read_located
-- The events of a walk that say where a train was running.
SELECT n.no FROM walk w CROSS JOIN LATERAL (
    SELECT c.no FROM lianyun.claim c
    WHERE c.object = w.id AND c.happened >= w.lo AND c.happened < w.hi AND c.milestone = %(running)s AND NOT c.dead
    OFFSET 0
) AS n

-- name: read_naming
-- Further names of a train or a declaration are stated both ways.
SELECT DISTINCT c.object, c.no FROM lianyun.claim c WHERE c.object = ANY (%(ids)s::uuid[])
UNION
SELECT l.left_id, l.no FROM lianyun.link l WHERE l.left_id = ANY (%(ids)s::uuid[]) AND l.kind IN (9, 10)

-- name: read_numbers
-- The numbers of all events that may concern the objects of a walk. From objects to events, whatever the planner believes
-- about tables that were empty when it looked: hence the offsets.
WITH way (id, kind, lo, hi) AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(kinds)s::smallint[], %(los)s::bigint[], %(his)s::bigint[])
), object (id) AS MATERIALIZED (
    SELECT DISTINCT id FROM way
), claimed (no) AS MATERIALIZED (
    SELECT n.no FROM way w CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c WHERE c.object = w.id AND c.happened >= w.lo AND c.happened < w.hi OFFSET 0
    ) AS n
    UNION ALL
    SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c WHERE c.object = o.id AND c.dead OFFSET 0
    ) AS n
), mentioned (no) AS MATERIALIZED (
    SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT m.no FROM lianyun.mention m WHERE m.object = o.id OFFSET 0
    ) AS n
), listed (no) AS MATERIALIZED (
    -- Both sides' lists of the hand-overs, by their run.
    SELECT DISTINCT n.no FROM (
        SELECT DISTINCT p.object FROM claimed e CROSS JOIN LATERAL (
            SELECT c.object FROM lianyun.claim c WHERE c.no = e.no AND c.kind = 8 OFFSET 0
        ) AS p
    ) AS meeting CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c WHERE c.object = meeting.object OFFSET 0
    ) AS n
), crossed (no) AS MATERIALIZED (
    -- And those of other runs that name a box of these at about that time; each box is looked for once.
    SELECT DISTINCT n.no FROM (
        SELECT p.object, min(p.happened) AS first, max(p.happened) AS last FROM listed l CROSS JOIN LATERAL (
            SELECT c.object, c.happened FROM lianyun.claim c WHERE c.no = l.no AND c.kind = 4 OFFSET 0
        ) AS p
        GROUP BY p.object
    ) AS box CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c
        WHERE c.object = box.object AND c.milestone = ANY (%(lists)s::smallint[])
          AND c.happened BETWEEN box.first - (%(meeting)s::bigint[])[1] AND box.last + (%(meeting)s::bigint[])[1]
        OFFSET 0
    ) AS n
)
SELECT DISTINCT no FROM (
    SELECT no FROM claimed
    UNION ALL SELECT no FROM mentioned
    UNION ALL SELECT no FROM listed
    UNION ALL SELECT n.no FROM (
        SELECT DISTINCT p.object FROM (SELECT no FROM crossed EXCEPT SELECT no FROM listed) AS e CROSS JOIN LATERAL (
            SELECT c.object FROM lianyun.claim c WHERE c.no = e.no AND c.kind = 8 OFFSET 0
        ) AS p
    ) AS meeting CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c WHERE c.object = meeting.object OFFSET 0
    ) AS n
    UNION ALL SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT f.no FROM lianyun.founding f WHERE f.cons = o.id OFFSET 0
    ) AS n
    -- Links into each object as far as their times meet (what frees it, too), those that declare consignments the same, and
    -- where each box was.
    UNION ALL SELECT n.no FROM way w CROSS JOIN LATERAL (
        SELECT l.no FROM lianyun.link l WHERE l.right_id = w.id AND l.start_at < w.hi AND l.until >= w.lo OFFSET 0
    ) AS n
    UNION ALL SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT l.no FROM lianyun.link l WHERE l.right_id = o.id AND l.dead
        UNION ALL
        SELECT l.no FROM lianyun.link l WHERE l.left_id = o.id AND l.kind = 8
        UNION ALL
        SELECT l.no FROM lianyun.link l WHERE l.carried = o.id AND l.kind = 1
        OFFSET 0
    ) AS n
    -- What freed it there: whoever opened that consignment, and what was said of its whole cargo.
    UNION ALL SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT l.right_id FROM lianyun.link l WHERE l.carried = o.id AND l.kind = 1 OFFSET 0
    ) AS l CROSS JOIN LATERAL (
        SELECT f.no FROM lianyun.founding f WHERE f.cons = l.right_id
        UNION ALL
        SELECT e.no FROM lianyun.link e WHERE e.right_id = l.right_id AND e.kind > 10
        OFFSET 0
    ) AS n
    -- The list of a wagon for a later run that ended where a box rode.
    UNION ALL SELECT n.no FROM way w CROSS JOIN LATERAL (
        SELECT l.left_id, l.publisher, l.until FROM lianyun.link l
        WHERE l.right_id = w.id AND l.kind = 6 AND l.start_at < w.hi AND l.until >= w.lo AND l.end_at IS NULL
        OFFSET 0
    ) AS l CROSS JOIN LATERAL (
        SELECT b.no FROM lianyun.link b
        WHERE b.left_id = l.left_id AND b.kind = 6 AND b.publisher = l.publisher AND b.territorial AND b.start_at = l.until
        OFFSET 0
    ) AS n
    -- What was handed on to another network before the times met: the way over an open link of a wagon or train ended there.
    UNION ALL SELECT n.no FROM way w CROSS JOIN LATERAL (
        SELECT l.carried, l.kind, l.start_at FROM lianyun.link l
        WHERE l.right_id = w.id AND l.kind IN (6, 7) AND l.start_at < w.lo AND l.until >= w.lo AND l.end_at IS NULL
        OFFSET 0
    ) AS l CROSS JOIN LATERAL (
        SELECT b.no FROM lianyun.link b
        WHERE b.carried = l.carried AND b.kind = l.kind AND b.territorial AND b.start_at > l.start_at AND b.start_at < w.lo
        OFFSET 0
    ) AS n
    -- Restrictions at the places that the routes pass.
    UNION ALL SELECT n.no FROM (
        SELECT DISTINCT p.object FROM mentioned e CROSS JOIN LATERAL (
            SELECT g.object FROM lianyun.passing g WHERE g.no = e.no OFFSET 0
        ) AS p
    ) AS place CROSS JOIN LATERAL (
        SELECT m.no FROM lianyun.mention m WHERE m.object = place.object OFFSET 0
    ) AS n
) AS found

-- name: read_onward
-- The links by which anything about an object may ever have gone on from it, dead ones too, to the foundings at their ends: those
-- that meet in time, and of each object the nearest before and after. Beside each timed one those that meet it in time, and the
-- list of its wagon for a later run at its end: they may end or contradict it.
WITH RECURSIVE down (id, kind, lo, hi) AS (
    SELECT %(id)s::uuid, %(kind)s::smallint, least(min(c.happened), %(as_of)s), greatest(max(c.happened), %(as_of)s) + 1
    FROM lianyun.claim c WHERE c.object = %(id)s::uuid
    UNION
    SELECT l.right_id, l.right_kind, greatest(d.lo, l.start_at), least(d.hi, l.until)
    FROM down d CROSS JOIN LATERAL (
        SELECT n.right_id, n.right_kind, n.start_at, n.until FROM lianyun.link n
        WHERE n.left_id = d.id AND n.kind <> 8 AND n.start_at < d.hi AND n.until > d.lo
        OFFSET 0
    ) AS l
    WHERE d.kind <> 1
), onward (no, kind, carried, start_at, until) AS MATERIALIZED (
    SELECT l.no, l.kind, l.carried, l.start_at, l.until FROM down d CROSS JOIN LATERAL (
        SELECT n.* FROM lianyun.link n WHERE n.left_id = d.id AND n.kind <> 8 AND n.start_at < d.hi AND n.until > d.lo
        UNION ALL
        (SELECT n.* FROM lianyun.link n
         WHERE n.left_id = d.id AND n.kind <> 8 AND n.until <= d.lo ORDER BY n.until DESC, n.start_at DESC LIMIT 1)
        UNION ALL
        (SELECT n.* FROM lianyun.link n
         WHERE n.left_id = d.id AND n.kind <> 8 AND n.start_at >= d.hi ORDER BY n.start_at LIMIT 1)
    ) AS l
)
SELECT o.no FROM onward o
UNION
SELECT n.no FROM onward o CROSS JOIN LATERAL (
    SELECT l.no, l.kind, l.left_id, l.publisher, l.until FROM lianyun.link l
    WHERE l.carried = o.carried AND l.kind = o.kind AND l.start_at <= o.until AND l.until >= o.start_at OFFSET 0
) AS b CROSS JOIN LATERAL (
    SELECT b.no
    UNION ALL
    SELECT l.no FROM lianyun.link l
    WHERE b.kind = 6 AND l.left_id = b.left_id AND l.kind = 6 AND l.publisher = b.publisher AND l.start_at = b.until OFFSET 0
) AS n (no)
UNION
SELECT f.no FROM down d JOIN lianyun.founding f ON f.cons = d.id WHERE d.kind = 1

-- name: read_superseded
-- Of the given events those that say nothing but where a train was running and that their publisher has since said anew:
-- of the same place, and in the same stretch of time. No link that the reader will walk begins or ends inside a stretch,
-- nor does what he looks at (``moments``), so each is reached exactly where its successor is. What somebody took back is
-- not among them: who reads judges that himself. ``located`` are those of the given events that say where a train was running.
WITH given AS MATERIALIZED (
    SELECT no FROM unnest(%(nos)s::bigint[]) AS n (no)
), edge AS MATERIALIZED (
    SELECT array_agg(DISTINCT t.at ORDER BY t.at) AS ats FROM (
        SELECT v.at FROM given n JOIN lianyun.link l ON l.no = n.no
        CROSS JOIN LATERAL (VALUES (l.start_at), (l.end_at), (l.until)) AS v (at)
        UNION ALL
        SELECT m.at FROM unnest(%(moments)s::bigint[]) AS m (at)
    ) AS t WHERE t.at IS NOT NULL
), ranked AS (
    -- An event has claims of one milestone, dead or alive together.
    SELECT c.no, row_number() OVER (
        PARTITION BY c.object, c.slot, c.publisher, c.territorial, width_bucket(c.happened, (SELECT e.ats FROM edge e))
        ORDER BY c.published DESC, c.event_hi DESC, c.event_lo DESC
    ) > 1 AS old, c.event_hi, c.event_lo
    FROM (SELECT DISTINCT no FROM unnest(%(located)s::bigint[]) AS r (no)) AS n CROSS JOIN LATERAL (
        SELECT s.* FROM lianyun.claim s WHERE s.no = n.no AND s.milestone = %(running)s AND NOT s.dead OFFSET 0
    ) AS c
), old AS MATERIALIZED (
    SELECT r.no, min(r.event_hi) AS hi, min(r.event_lo) AS lo FROM ranked r GROUP BY r.no HAVING bool_and(r.old)
)
SELECT o.no FROM old o
WHERE NOT EXISTS (
    SELECT 1 FROM lianyun.withdrawal w
    WHERE w.target = (
        lpad(to_hex(o.hi # (-9223372036854775808)), 16, '0') || lpad(to_hex(o.lo # (-9223372036854775808)), 16, '0')
    )::uuid
)
AND NOT EXISTS (SELECT 1 FROM lianyun.link l WHERE l.no = o.no)
AND NOT EXISTS (SELECT 1 FROM lianyun.founding f WHERE f.no = o.no)

-- name: read_tail
-- Events in the order in which they became visible. Batches at or above the horizon are left out: one with a smaller
-- transaction id may still be committed before them.
SELECT b.xid::text, e.no
FROM lianyun.batch b
CROSS JOIN LATERAL (
    SELECT y.no FROM lianyun.body y WHERE y.no >= b.first_no AND y.no < b.first_no + 4096
) AS e
WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND b.xid >= %(xid)s::text::xid8 AND (b.xid > %(xid)s::text::xid8 OR e.no > %(no)s)
ORDER BY b.xid, b.first_no, e.no
LIMIT %(limit)s

-- name: read_terms
SELECT t.number, t.text FROM unnest(%(numbers)s::bigint[]) AS n (number) JOIN lianyun.term t ON t.number = n.number

-- name: read_train_heads
SELECT h.train, h.milestone, h.position, h.exceptions
FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.train_head h ON h.train = n.id
ORDER BY h.train

-- name: read_walk
-- Everything from which facts reach the given consignments: (object, moments in [lo, hi)), and the links on the way.
-- Dead links are walked too: the reader judges them again. Trains and wagons only as far as their times meet.
WITH RECURSIVE member (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS c (id)
    UNION
    SELECT n.id FROM member m CROSS JOIN LATERAL (
        SELECT CASE WHEN l.left_id = m.id THEN l.right_id ELSE l.left_id END
        FROM (
            SELECT s.left_id, s.right_id, s.publisher FROM lianyun.link s WHERE s.left_id = m.id AND s.kind = 8
            UNION ALL
            SELECT s.left_id, s.right_id, s.publisher FROM lianyun.link s WHERE s.right_id = m.id AND s.kind = 8
        ) AS l
        WHERE EXISTS (
            SELECT 1 FROM lianyun.founding f
            WHERE f.cons = m.id AND (f.publisher = l.publisher OR l.publisher = ANY (f.names))
        )
    ) AS n (id)
), up (id, kind, lo, hi) AS (
    SELECT id, 0::smallint, -4611686018427387904, 4611686018427387904 FROM member
    UNION
    SELECT l.left_id, l.kind, greatest(u.lo, l.start_at), least(u.hi, l.until)
    FROM up u CROSS JOIN LATERAL (
        SELECT n.left_id, n.kind, n.start_at, n.until FROM lianyun.link n
        WHERE n.right_id = u.id AND n.kind <> 8 AND n.kind < 11 AND n.start_at < u.hi AND n.until >= u.lo
        OFFSET 0  -- from below to above, however many links there are
    ) AS l
)
SELECT id, kind, lo, hi FROM up

-- name: record_platform_event
INSERT INTO lianyun.platform_event (kind, detail) VALUES (%(kind)s, %(detail)s)
RETURNING no, (extract(epoch FROM at) * 1000000)::bigint

-- name: revive
DELETE FROM dead d USING unnest(%(ids)s::uuid[]) AS n (id) WHERE d.id = n.id RETURNING d.id

-- name: stop_links
-- The effective ends of the given events' timed links, and of those whose ends these may move: of the live links that
-- start at the greatest earlier start, and of shared ones whose end is at or beyond the start. Shared assignments of a
-- box that start within the time of one filling do not end each other. What is loaded on a wagon is off it where its publisher,
-- as the authority of the place, lists the wagon for a later run.
WITH seed AS (
    SELECT DISTINCT l.kind, l.carried, l.publisher, l.start_at, CASE WHEN l.kind = 6 AND l.territorial THEN l.left_id END AS wagon
    FROM unnest(%(nos)s::bigint[]) AS n (no)
    JOIN link l ON l.no = n.no
    WHERE l.carried IS NOT NULL
), start AS (
    SELECT DISTINCT s.kind, s.carried, s.publisher, x.start_at
    FROM seed s CROSS JOIN LATERAL (
        SELECT s.start_at
        UNION ALL
        (SELECT l.start_at FROM link l
         WHERE l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher
           AND l.start_at < s.start_at AND NOT l.dead
         ORDER BY l.start_at DESC LIMIT 1)
        UNION ALL
        SELECT l.start_at FROM link l
        WHERE s.kind = 1 AND l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher
          AND l.start_at < s.start_at AND l.until >= s.start_at AND l.shared AND NOT l.dead
    ) AS x (start_at)
    UNION
    SELECT 6::smallint, r.carried, s.publisher, r.start_at
    FROM (SELECT DISTINCT publisher, wagon, start_at FROM seed WHERE wagon IS NOT NULL) AS s
    JOIN link r ON r.left_id = s.wagon AND r.kind = 6 AND r.publisher = s.publisher
        AND r.start_at < s.start_at - %(run)s AND r.until >= s.start_at AND NOT r.dead
), stop AS MATERIALIZED (
    SELECT s.*, h.shared, w.wagon, coalesce(least((
        SELECT l.start_at FROM link l
        WHERE l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher
          AND l.start_at > s.start_at AND NOT l.dead
          AND NOT (h.shared AND l.shared AND l.start_at <= s.start_at + %(filling)s)
        ORDER BY l.start_at LIMIT 1
    ), w.listed), 4611686018427387904) AS next_start
    FROM start s CROSS JOIN (VALUES (false), (true)) AS h (shared)
    LEFT JOIN LATERAL (
        SELECT m.wagon, (
            SELECT n.start_at FROM link n
            WHERE n.left_id = m.wagon AND n.kind = 6 AND n.publisher = s.publisher AND n.territorial
              AND n.start_at > s.start_at + %(run)s AND NOT n.dead
            ORDER BY n.start_at LIMIT 1
        ) AS listed
        FROM (
            SELECT DISTINCT l.left_id AS wagon FROM link l
            WHERE s.kind = 6 AND l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher
              AND l.start_at = s.start_at
        ) AS m
    ) AS w ON true
    ORDER BY s.kind, s.carried, s.publisher, s.start_at
)
UPDATE link l SET until = coalesce(l.end_at, s.next_start)
FROM stop s
WHERE l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher AND l.start_at = s.start_at
  AND l.shared = s.shared AND (s.wagon IS NULL OR l.left_id = s.wagon) AND l.until <> coalesce(l.end_at, s.next_start)
RETURNING l.no

-- name: temporary
-- What a transaction hands from one statement to the next without a round trip; empty again at its end.
CREATE TEMPORARY TABLE IF NOT EXISTS hit (
    cons        uuid    NOT NULL,
    revised     boolean NOT NULL,   -- fold the head from all its claims: something other than a new claim changed
    no          bigint,
    happened    bigint,
    published   bigint,
    event_hi    bigint,
    event_lo    bigint,
    slot        bigint,
    place       bigint,
    publisher   bigint,
    object      uuid,
    episode     smallint,
    kind        smallint,
    milestone   smallint,
    part        smallint,
    territorial boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS fresh_reach (
    cons    uuid     NOT NULL,
    founded boolean  NOT NULL,
    engaged bigint[] NOT NULL,
    objects uuid[]   NOT NULL,
    starts  bigint[] NOT NULL,
    untils  bigint[] NOT NULL,
    held    uuid[]   NOT NULL,
    parts   uuid[]   NOT NULL
) ON COMMIT DELETE ROWS

-- name: terms
INSERT INTO lianyun.term (number, text)
SELECT n.number, n.text FROM unnest(%(numbers)s::bigint[], %(texts)s::text[]) AS n (number, text)
ON CONFLICT (number) DO NOTHING

-- name: unbreak_heads
UPDATE head h SET broken = false FROM unnest(%(ids)s::uuid[]) AS n (id) WHERE h.cons = n.id AND h.broken

-- name: vary
INSERT INTO lianyun.variant (id, content, no)
SELECT n.id, n.content, n.no FROM unnest(%(ids)s::uuid[], %(contents)s::uuid[], %(nos)s::bigint[]) AS n (id, content, no)
ON CONFLICT (id, content) DO NOTHING
RETURNING no

-- name: withdrawals
SELECT w.event, w.target, w.replaces
FROM unnest(%(ids)s::uuid[]) AS t (id)
JOIN withdrawal w ON w.event = t.id
WHERE NOT EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = w.no)
