-- Which consignments the new claims (and those that died or revived) reach by links in force when they happened.
-- Dead links are followed too; whether a way counts is judged under the lock of the head.
INSERT INTO hit (cons, revised, no, happened, published, event_hi, event_lo, slot, place, publisher, object, episode,
                 kind, milestone, part, territorial)
WITH RECURSIVE fresh (c, revised) AS MATERIALIZED (
    SELECT c, false FROM claim c
    WHERE c.no >= %(first)s AND c.no < %(top)s AND NOT c.dead AND c.kind IN (1, 2, 3, 4, 5)
    UNION ALL
    SELECT c, true FROM unnest(%(flipped)s::bigint[]) AS f (no) JOIN claim c ON c.no = f.no
    WHERE c.kind IN (1, 2, 3, 4, 5)
), down (c, revised, id, kind) AS (
    SELECT c, revised, (c).object, (c).kind FROM fresh
    UNION
    SELECT d.c, d.revised, l.right_id, l.right_kind
    FROM down d JOIN link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind IN (1, 2, 3, 4, 5) AND l.start_at <= (d.c).happened AND l.until > (d.c).happened
)
SELECT r.cons, d.revised, (d.c).no, (d.c).happened, (d.c).published, (d.c).event_hi, (d.c).event_lo, (d.c).slot,
       (d.c).place, (d.c).publisher, (d.c).object, (d.c).episode, (d.c).kind, (d.c).milestone, (d.c).part,
       (d.c).territorial
FROM down d
LEFT JOIN canonical k ON k.cons = d.id
JOIN reach r ON r.cons = coalesce(k.canonical, d.id)
WHERE d.kind = 1
