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
