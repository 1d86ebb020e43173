-- The heads of this transaction, folded under their locks: this statement's snapshot is younger than they are.
-- A head is merged with new claims alone where that is exact: each is the only answer to its question, opens or closes
-- nothing, and the consignment has one box at most. Every other head is folded from all its claims.
UPDATE head h
SET founded = CASE WHEN v.complex THEN v.founded ELSE h.founded END,
    boxes = CASE WHEN v.complex THEN v.boxes ELSE h.boxes END,
    behind = CASE WHEN v.complex THEN v.behind ELSE h.behind END,
    disputes = CASE WHEN v.complex THEN v.disputes ELSE h.disputes END,
    exceptions = CASE WHEN v.complex THEN v.exceptions ELSE h.exceptions END,
    movement = CASE WHEN v.complex THEN v.movement ELSE greatest(h.movement, v.new_movement) END,
    cn = CASE WHEN v.complex THEN v.cn ELSE greatest(h.cn, v.new_cn) END,
    eaeu = CASE WHEN v.complex THEN v.eaeu ELSE greatest(h.eaeu, v.new_eaeu) END,
    eu = CASE WHEN v.complex THEN v.eu ELSE greatest(h.eu, v.new_eu) END,
    other = CASE WHEN v.complex THEN v.other ELSE greatest(h.other, v.new_other) END,
    document = CASE WHEN v.complex THEN v.document ELSE greatest(h.document, v.new_document) END
FROM (
    SELECT g.*, f.*
    FROM (
        SELECT j.cons, bool_or(j.complex) OR bool_or(j.closes) AND (
                   -- A closing changes nothing where nothing is open.
                   SELECT b.exceptions > 0 FROM head b WHERE b.cons = j.cons
               ) AS complex,
               max(j.stage) FILTER (WHERE j.part = 1) AS new_movement,
               max(j.stage) FILTER (WHERE j.part = 2) AS new_cn,
               max(j.stage) FILTER (WHERE j.part = 3) AS new_eaeu,
               max(j.stage) FILTER (WHERE j.part = 4) AS new_eu,
               max(j.stage) FILTER (WHERE j.part = 5) AS new_other,
               max(j.stage) FILTER (WHERE j.part = 6) AS new_document
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
                SELECT (t.territorial OR t.publisher = ANY (r.engaged)) AND EXISTS (
                    SELECT 1 FROM unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
                    WHERE way.object = t.object AND t.happened >= way.start_at AND t.happened < way.until
                ) AS yes
                OFFSET 0
            ) AS counted
            WHERE %(only)s::uuid[] IS NULL OR t.cons = ANY (%(only)s::uuid[])
            OFFSET 0  -- kept apart, else every part of the head looks for the ways again
        ) AS j
        GROUP BY j.cons
    ) AS g
    LEFT JOIN LATERAL (
        SELECT r.founded, cardinality(r.held) AS boxes, s.disputes, s.cn, s.eaeu, s.eu, s.other, s.document,
               CASE
                   WHEN cardinality(r.held) = 0 THEN s.common
                   WHEN s.common IS NULL AND s.known < cardinality(r.held) THEN NULL
                   ELSE s.least[4:]
               END AS movement,
               CASE
                   WHEN cardinality(r.held) = 0 THEN 0
                   WHEN s.common IS NULL AND s.known < cardinality(r.held) THEN cardinality(r.held) - s.known
                   ELSE coalesce(cardinality(array_positions(s.phases, s.least[1] / 100)), 0)
                        + CASE WHEN s.common[5] / 100 = s.least[1] / 100 THEN cardinality(r.held) - s.known ELSE 0 END
               END AS behind,
               CASE WHEN s.opens THEN (
                   -- Open: a latest opening after the closings that may answer it; a bare assertion answers only one.
                   -- In customs, a closing of the whole cargo answers for each of its objects, a release for one box only.
                   SELECT count(*) FROM (
                       SELECT max(e.stage) FILTER (WHERE e.opens AND e.assurance < 2) AS asserted,
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
                           SELECT a.object, k.kind, a.jurisdiction, a.episode > 0 AS opens, a.assurance,
                                  a.jurisdiction <> 0 AND a.kind <> 4 AND a.object <> ALL (r.parts)
                                      AND (a.episode <> %(release)s OR cardinality(r.held) < 2) AS whole,
                                  ARRAY[a.happened, a.published, a.event_hi, a.event_lo] AS stage
                           FROM answers(r.objects, r.starts, r.untils, r.engaged) AS a
                           CROSS JOIN LATERAL unnest(
                               CASE a.episode WHEN %(release)s THEN %(held_back)s::bigint[] ELSE ARRAY[abs(a.episode)] END
                           ) AS k (kind)
                           WHERE a.episode <> 0
                       ) AS e
                       GROUP BY e.object, e.kind, e.jurisdiction
                       WINDOW cargo AS (PARTITION BY e.kind, e.jurisdiction)
                   ) AS told
                   WHERE told.asserted > coalesce(told.closed, '{}') OR told.vouched > coalesce(told.closed_well, '{}')
               ) ELSE 0 END AS exceptions
        FROM reach r CROSS JOIN LATERAL (
            SELECT coalesce(sum(p.disputes), 0) AS disputes,
                   coalesce(bool_or(p.opens), false) AS opens,
                   max(p.cn) AS cn, max(p.eaeu) AS eaeu, max(p.eu) AS eu, max(p.other) AS other,
                   max(p.document) AS document,
                   max(p.common[:6]) AS common,
                   -- Boxes without any claim of their own have the common position: they are held minus known.
                   count(*) FILTER (WHERE p.held AND p.position IS NOT NULL) AS known,
                   array_agg(p.position[5] / 100) FILTER (WHERE p.held AND p.position IS NOT NULL) AS phases,
                   least(
                       min(progress(p.position, %(on_the_way)s, %(at_a_place)s::bigint[]))
                           FILTER (WHERE p.held AND p.position IS NOT NULL),
                       CASE WHEN count(*) FILTER (WHERE p.held AND p.position IS NOT NULL) < cardinality(r.held)
                            THEN progress(max(p.common), %(on_the_way)s, %(at_a_place)s::bigint[]) END
                   ) AS least
            FROM (
                SELECT o.*, greatest(o.moved, o.common) AS position, o.object = ANY (r.held) AS held
                FROM (
                    SELECT q.object, max(q.kind) AS kind, sum(q.disputed::integer) AS disputes,
                           bool_or(q.opens) AS opens,
                           max(q.moved) AS moved,
                           max(q.best) FILTER (WHERE q.part = 2) AS cn,
                           max(q.best) FILTER (WHERE q.part = 3) AS eaeu,
                           max(q.best) FILTER (WHERE q.part = 4) AS eu,
                           max(q.best) FILTER (WHERE q.part = 5) AS other,
                           max(q.best) FILTER (WHERE q.part = 6) AS document,
                           max(max(q.moved) FILTER (WHERE q.kind <> 4)) OVER () AS common
                    FROM (
                        -- A movement's stage ends with when its place was first reached on the way.
                        SELECT b.*, CASE
                                   WHEN b.part <> 1 THEN NULL
                                   WHEN b.best[5] / 100 = %(on_the_way)s AND b.best[6] <> 0 THEN b.best || min(b.best[1])
                                       FILTER (WHERE b.part = 1 AND b.best[5] / 100 = %(on_the_way)s)
                                       OVER (PARTITION BY b.best[6])
                                   ELSE b.best || b.best[1]
                               END AS moved
                        FROM (
                            -- Of several answers to a question the one of the greatest assurance shows, then the latest.
                            SELECT a.object, max(a.kind) AS kind, max(a.part) AS part,
                                   max(a.tolerance) >= 0
                                       AND max(a.happened) - min(a.happened) > max(a.tolerance) * 1000000::bigint
                                       AS disputed,
                                   bool_or(a.episode > 0) AS opens,
                                   (max(ARRAY[
                                       a.assurance, a.happened, a.published, a.event_hi, a.event_lo, a.milestone, a.place
                                   ]))[2:] AS best
                            FROM answers(r.objects, r.starts, r.untils, r.engaged) AS a
                            GROUP BY a.object, a.slot
                        ) AS b
                    ) AS q
                    GROUP BY q.object
                ) AS o
            ) AS p
        ) AS s
        WHERE r.cons = g.cons AND g.complex
          AND NOT EXISTS (SELECT 1 FROM head b WHERE b.cons = g.cons AND b.broken)
        OFFSET 0  -- keeps the condition here, where it is judged before any claim is read
    ) AS f ON true
) AS v
WHERE h.cons = v.cons AND NOT h.broken
  -- Most heads that are looked at once more, and many that hear of plans or older facts, stay as they are.
  AND CASE
      WHEN v.complex THEN
          (h.founded, h.boxes, h.behind, h.disputes, h.exceptions, h.movement, h.cn, h.eaeu, h.eu, h.other, h.document)
          IS DISTINCT FROM
          (v.founded, v.boxes, v.behind, v.disputes, v.exceptions, v.movement, v.cn, v.eaeu, v.eu, v.other, v.document)
      ELSE v.new_movement > coalesce(h.movement, '{}') OR v.new_cn > coalesce(h.cn, '{}')
          OR v.new_eaeu > coalesce(h.eaeu, '{}') OR v.new_eu > coalesce(h.eu, '{}')
          OR v.new_other > coalesce(h.other, '{}') OR v.new_document > coalesce(h.document, '{}')
  END
