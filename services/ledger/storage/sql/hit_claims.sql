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
