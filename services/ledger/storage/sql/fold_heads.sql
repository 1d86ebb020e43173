-- The heads of this transaction, folded under their locks: this statement's snapshot is younger than they are.
-- A head is merged with new claims alone where that is exact: each is the only answer to its question, opens or closes
-- nothing, and the consignment has one box at most. Every other head is folded from all its claims, all of them together:
-- each step below is one pass over the rows of many consignments.
WITH hits AS MATERIALIZED (
    SELECT j.cons, bool_or(j.complex) OR bool_or(j.closes) AND (
               -- A closing changes nothing where nothing is open.
               SELECT b.exceptions > 0 FROM head b WHERE b.cons = j.cons
           ) AS complex,
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
            SELECT m.slot, m.publisher, m.object, m.happened, m.published, m.event_hi, m.event_lo, m.place,
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
               a.assurance, a.happened, a.published, a.event_hi, a.event_lo, a.milestone, a.place
           ]) FILTER (WHERE a.object IS NOT NULL))[2:] AS best
    FROM told a
    GROUP BY a.cons, a.object, a.slot
), object AS (
    SELECT q.cons, bool_or(q.founded) AS founded, max(q.boxes) AS boxes, bool_or(q.held) AS held,
           sum(q.disputed::integer) AS disputes,
           max(q.moved) AS moved,
           max(q.best) FILTER (WHERE q.part = 2) AS cn,
           max(q.best) FILTER (WHERE q.part = 3) AS eaeu,
           max(q.best) FILTER (WHERE q.part = 4) AS eu,
           max(q.best) FILTER (WHERE q.part = 5) AS other,
           max(q.best) FILTER (WHERE q.part = 6) AS document,
           max(max(q.moved) FILTER (WHERE q.kind <> 4)) OVER (PARTITION BY q.cons) AS common
    FROM (
        -- A movement's stage ends with when its place was first reached on the way.
        SELECT b.*, CASE
                   WHEN b.part IS DISTINCT FROM 1 THEN NULL
                   WHEN b.best[5] / 100 = %(on_the_way)s AND b.best[6] <> 0 THEN b.best || min(b.best[1])
                       FILTER (WHERE b.part = 1 AND b.best[5] / 100 = %(on_the_way)s)
                       OVER (PARTITION BY b.cons, b.best[6])
                   ELSE b.best || b.best[1]
               END AS moved
        FROM question b
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
           max(p.document) AS document,
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
        SELECT o.*, greatest(o.moved, o.common) AS position, false AS open FROM object o
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
               WHEN s.boxes = 0 THEN s.common
               WHEN s.common IS NULL AND s.known < s.boxes THEN NULL
               ELSE s.least[4:]
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
