-- Which consignments the new claims (and those that died or revived) reach by links in force when they happened.
-- Dead links are followed too; whether a way counts is judged under the lock of the head. The walk carries no more of
-- a claim than it needs; each step goes from what is reached to its links, whatever the planner believes.
INSERT INTO hit (cons, revised, no, happened, published, event_hi, event_lo, slot, place, publisher, object, episode,
                 kind, milestone, part, territorial)
WITH RECURSIVE down (no, object, revised, happened, id, kind) AS (
    SELECT * FROM (
        SELECT c.no, c.object, false, c.happened, c.object, c.kind FROM claim c
        WHERE c.no >= %(first)s AND c.no < %(top)s AND NOT c.dead AND c.kind IN (1, 2, 3, 4, 5)
        UNION ALL
        SELECT c.no, c.object, true, c.happened, c.object, c.kind
        FROM unnest(%(flipped)s::bigint[]) AS f (no) CROSS JOIN LATERAL (
            SELECT * FROM claim WHERE claim.no = f.no AND claim.kind IN (1, 2, 3, 4, 5) OFFSET 0
        ) AS c
    ) AS fresh
    UNION
    SELECT d.no, d.object, d.revised, d.happened, l.right_id, l.right_kind
    FROM down d CROSS JOIN LATERAL (
        SELECT right_id, right_kind FROM link
        WHERE link.left_id = d.id AND link.kind IN (1, 2, 3, 4, 5, 10)
          AND link.start_at <= d.happened AND link.until > d.happened
        OFFSET 0
    ) AS l
    WHERE d.kind <> 1
)
SELECT r.cons, d.revised, c.no, c.happened, c.published, c.event_hi, c.event_lo, c.slot, c.place, c.publisher, c.object,
       c.episode, c.kind, c.milestone, c.part, c.territorial
FROM down d
CROSS JOIN LATERAL (
    SELECT reach.cons FROM reach
    WHERE reach.cons = coalesce((SELECT k.canonical FROM canonical k WHERE k.cons = d.id), d.id)
    OFFSET 0
) AS r
CROSS JOIN LATERAL (
    SELECT * FROM claim WHERE claim.no = d.no AND claim.object = d.object AND claim.happened = d.happened OFFSET 0
) AS c
WHERE d.kind = 1
