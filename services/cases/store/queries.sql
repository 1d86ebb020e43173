-- The SQL of cases, by name.

-- name: advance
UPDATE lianyun.case_cursor
SET xid = %(xid)s::text::xid8, no = %(no)s, aside_xid = %(aside_xid)s::text::xid8, aside_no = %(aside_no)s,
    decided_xid = %(decided_xid)s::text::xid8, decided_no = %(decided_no)s, as_of = %(as_of)s,
    habit_xid = %(habit_xid)s::text::xid8, habit_no = %(habit_no)s,
    whole_at = CASE WHEN %(whole)s THEN now() ELSE whole_at END

-- name: again_drop
DELETE FROM lianyun.case_again WHERE cons = ANY (%(ids)s::uuid[])

-- name: again_put
-- What was judged while something waited to be settled is judged once more when all that waited then is done; below every mark is
-- what was not judged yet.
INSERT INTO lianyun.case_again (cons, mark) SELECT n.cons, %(mark)s FROM unnest(%(ids)s::uuid[]) AS n (cons)
ON CONFLICT (cons) DO UPDATE SET mark = excluded.mark

-- name: begin
INSERT INTO lianyun.case_cursor (version) VALUES (%(version)s) ON CONFLICT (single) DO NOTHING

-- name: causes_by_case
SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
       surplus, normal, parties
FROM lianyun.case_cause WHERE case_id = ANY (%(ids)s::uuid[])

-- name: causes_of
SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
       surplus, normal, parties
FROM lianyun.case_cause WHERE cons = ANY (%(ids)s::uuid[])

-- name: cursor
SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no, habit_xid::text, habit_no, as_of
FROM lianyun.case_cursor

-- name: decided
-- Decisions on financings, in the order in which they became visible, with the consignments that each was on.
SELECT d.xid::text, d.number, ARRAY(
    SELECT DISTINCT coalesce(k.canonical, c.consignment)
    FROM lianyun.financing_touched t
    JOIN lianyun.financing_cargo c ON c.financing = t.financing
    LEFT JOIN lianyun.canonical k ON k.cons = c.consignment
    WHERE t.number = d.number
) FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND (d.xid, d.number) > (%(xid)s::text::xid8, %(no)s::bigint)
ORDER BY d.xid, d.number
LIMIT %(limit)s

-- name: drop_causes
DELETE FROM lianyun.case_cause c
USING unnest(%(conses)s::uuid[], %(cases)s::uuid[]) AS n (cons, case_id)
WHERE (c.cons, c.case_id) = (n.cons, n.case_id)

-- name: drop_trades
DELETE FROM lianyun.trade_finding WHERE trade = ANY (%(ids)s::uuid[])

-- name: due
-- What is to be looked at again: by time, and what was judged before all had been settled.
SELECT cons FROM lianyun.case_due WHERE due <= %(as_of)s
UNION
SELECT cons FROM lianyun.case_again
WHERE mark < coalesce((SELECT id FROM lianyun.pending ORDER BY id LIMIT 1), 9223372036854775807)

-- name: find
-- A case by the first digits of its id.
SELECT case_id FROM lianyun.case_head WHERE case_id BETWEEN %(low)s::uuid AND %(high)s::uuid ORDER BY case_id LIMIT 2

-- name: forget
-- Causes and rows of lists only: the steps are decisions and are never taken again. Every case is compared with its cause once all was followed.
WITH c AS (DELETE FROM lianyun.case_cause), d AS (DELETE FROM lianyun.case_due), a AS (DELETE FROM lianyun.case_again),
     l AS (DELETE FROM lianyun.consignment_party),
     g AS (DELETE FROM lianyun.case_leg), f AS (DELETE FROM lianyun.trade_finding),
     t AS (INSERT INTO lianyun.case_touched SELECT case_id FROM lianyun.case_head ON CONFLICT DO NOTHING)
UPDATE lianyun.case_cursor
SET version = %(version)s, xid = '0', no = 0, aside_xid = '0', aside_no = 0, decided_xid = '0', decided_no = 0,
    habit_xid = '0', habit_no = 0, as_of = 0, whole_at = NULL

-- name: habits_after
-- The habits that have changed, in the order in which that became visible, with the consignments that were evaluated by each.
SELECT h.xid::text, h.no, ARRAY(
    SELECT l.cons FROM lianyun.case_leg l WHERE (l.last, l.first, l.stage) = (h.last, h.first, h.stage)
)
FROM lianyun.arrival_habit h
WHERE h.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (h.xid, h.no) > (%(xid)s::text::xid8, %(no)s::bigint)
ORDER BY h.xid, h.no
LIMIT %(limit)s

-- name: list
-- To a party what its scope holds (services/cases/domain/visibility.py), and what it had a part in.
SELECT h.case_id, h.kind, h.what, h.about_kind, h.about, h.jurisdiction, h.place, h.occurrence, h.crossing, h.since, h.due,
       h.opened, h.last, h.at, h.closed, h.owner_party, h.owner_desk, h.snoozed_until, h.reason, h.stands
FROM lianyun.case_head h
WHERE (%(cases)s::uuid[] IS NULL OR h.case_id = ANY (%(cases)s::uuid[]))
  AND (%(all)s OR NOT h.closed OR h.at >= %(since)s)
  AND (%(crossing)s::text IS NULL OR h.crossing = %(crossing)s)
  AND (%(kind)s::text IS NULL OR h.kind = %(kind)s)
  AND (%(party)s::text IS NULL OR (h.owner_party, h.owner_desk) = (%(party)s, %(desk)s))
  AND (NOT %(unowned)s OR h.owner_party IS NULL AND NOT h.closed)
  AND (
      %(viewer)s::text IS NULL
      OR h.kind <> 'FINANCING_ALERT' AND (
          h.place = ANY (%(places)s::text[]) OR h.jurisdiction = ANY (%(jurisdictions)s::text[])
          OR h.kind <> 'HANDOVER_DIFFERENCE' AND EXISTS (
              SELECT FROM lianyun.case_cause c JOIN lianyun.reach r ON r.cons = c.cons
              WHERE c.case_id = h.case_id AND %(engaged)s::bigint = ANY (r.engaged)
          )
      )
      OR h.kind = 'CONTRADICTION' AND EXISTS (
          SELECT FROM lianyun.case_cause c WHERE c.case_id = h.case_id AND %(viewer)s::text = ANY (c.parties)
      )
      OR h.owner_party = %(viewer)s::text
      OR EXISTS (
          SELECT FROM lianyun.case_step s
          WHERE s.case_id = h.case_id AND (s.by_party = %(viewer)s::text OR s.to_party = %(viewer)s::text)
      )
  )
ORDER BY h.closed, h.due, h.case_id
LIMIT %(limit)s

-- name: met
-- What stands on any list of the hand-overs of which a new list tells, by its run or its boxes: a box that it leaves out is
-- concerned as well.
SELECT DISTINCT other.object
FROM unnest(%(ids)s::uuid[], %(los)s::bigint[], %(his)s::bigint[]) AS n (id, lo, hi)
JOIN lianyun.claim told ON told.object = n.id AND told.happened BETWEEN n.lo AND n.hi
    AND told.milestone = ANY (%(lists)s::smallint[])
JOIN lianyun.claim other ON other.no = told.no

-- name: move_head
UPDATE lianyun.case_head
SET opened = %(opened)s, last = %(last)s, at = %(at)s, closed = %(closed)s, owner_party = %(owner_party)s,
    owner_desk = %(owner_desk)s, snoozed_until = %(snoozed_until)s, reason = %(reason)s
WHERE case_id = %(case_id)s

-- name: number
SELECT nextval('lianyun.case_number')

-- name: pledged
-- The consignments with the financings whose pledge in them stands.
SELECT DISTINCT c.consignment, h.name
FROM lianyun.financing_cargo c
JOIN lianyun.financing_hold h ON h.financing = c.financing
WHERE h.pledged AND NOT h.ended AND c.consignment = ANY (%(ids)s::uuid[])
ORDER BY h.name, c.consignment

-- name: put_aside
SELECT q.no FROM lianyun.quarantine q WHERE q.no = ANY (%(nos)s::bigint[])

-- name: put_cause
INSERT INTO lianyun.case_cause
    (cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
     surplus, normal, parties)
VALUES
    (%(cons)s, %(case_id)s, %(kind)s, %(what)s, %(about_kind)s, %(about)s, %(jurisdiction)s, %(scope)s, %(place)s,
     %(occurrence)s, %(since)s, %(due)s, %(events)s::uuid[], %(missing)s, %(surplus)s, %(normal)s, %(parties)s)

-- name: put_head
-- A case as its steps and causes have it. What it is about stays as it was opened; when it is due follows its cause.
INSERT INTO lianyun.case_head
    (case_id, kind, what, about_kind, about, jurisdiction, place, occurrence, crossing, since, due, opened, last, at, closed,
     owner_party, owner_desk, snoozed_until, reason, stands)
VALUES
    (%(case_id)s, %(kind)s, %(what)s, %(about_kind)s, %(about)s, %(jurisdiction)s, %(place)s, %(occurrence)s, %(crossing)s,
     %(since)s, %(due)s, %(opened)s, %(last)s, %(at)s, %(closed)s, %(owner_party)s, %(owner_desk)s, %(snoozed_until)s,
     %(reason)s, %(stands)s)

-- name: put_step
INSERT INTO lianyun.case_step
    (number, case_id, before, kind, at, position, by_party, by_desk, to_party, to_desk, until, reason, text, since, evidence,
     by_issuer, by_person, headers, payload)
VALUES
    (%(number)s, %(case_id)s, %(before)s, %(kind)s, %(at)s, %(position)s, %(by_party)s, %(by_desk)s, %(to_party)s,
     %(to_desk)s, %(until)s, %(reason)s, %(text)s, %(since)s, %(evidence)s::uuid[], %(by_issuer)s, %(by_person)s, %(headers)s,
     %(payload)s)

-- name: put_trade
INSERT INTO lianyun.trade_finding (trade, name, found, explained, digest)
VALUES (%(trade)s, %(name)s, %(found)s, %(explained)s, %(digest)s)

-- name: set_due
WITH gone AS (DELETE FROM lianyun.case_due WHERE cons = ANY (%(judged)s::uuid[]) AND cons <> ALL (%(ids)s::uuid[]))
INSERT INTO lianyun.case_due (cons, due)
SELECT n.cons, n.due FROM unnest(%(ids)s::uuid[], %(dues)s::bigint[]) AS n (cons, due)
ON CONFLICT (cons) DO UPDATE SET due = excluded.due

-- name: set_leg
WITH gone AS (DELETE FROM lianyun.case_leg WHERE cons = ANY (%(judged)s::uuid[]) AND cons <> ALL (%(ids)s::uuid[]))
INSERT INTO lianyun.case_leg AS l (cons, stage, first, last)
SELECT * FROM unnest(%(ids)s::uuid[], %(stages)s::smallint[], %(firsts)s::text[], %(lasts)s::text[])
ON CONFLICT (cons) DO UPDATE SET stage = excluded.stage, first = excluded.first, last = excluded.last
WHERE (l.stage, l.first, l.last) IS DISTINCT FROM (excluded.stage, excluded.first, excluded.last)

-- name: stand_head
-- Whether there is cause for it; while there is, since when and until when somebody has to have acted.
UPDATE lianyun.case_head
SET stands = %(stands)s, since = coalesce(%(since)s::bigint, since), due = coalesce(%(due)s::bigint, due)
WHERE case_id = %(case_id)s

-- name: standing
SELECT case_id, stands FROM lianyun.case_head WHERE case_id = ANY (%(ids)s::uuid[])

-- name: steps_of
SELECT number, case_id, before, kind, at, position, by_party, by_desk, to_party, to_desk, until, reason, text, since, evidence,
       by_issuer, by_person
FROM lianyun.case_step WHERE case_id = ANY (%(ids)s::uuid[]) ORDER BY case_id, number

-- name: steps_since
SELECT number, case_id, before, kind, at, position, by_party, by_desk, to_party, to_desk, until, reason, text, since, evidence,
       by_issuer, by_person
FROM lianyun.case_step WHERE at >= %(since)s ORDER BY number

-- name: touch
INSERT INTO lianyun.case_touched SELECT n.id FROM unnest(%(ids)s::uuid[]) AS n (id) ON CONFLICT DO NOTHING

-- name: touched
SELECT case_id FROM lianyun.case_touched ORDER BY case_id LIMIT %(limit)s

-- name: trades_about
-- The trades of which an event is about any of the objects, or about anything that reaches the consignments.
SELECT DISTINCT t.object
FROM (
    SELECT n.id FROM unnest(%(ids)s::uuid[]) AS n (id)
    UNION
    SELECT o.id FROM lianyun.reach r CROSS JOIN LATERAL unnest(r.objects) AS o (id) WHERE r.cons = ANY (%(conses)s::uuid[])
) AS o (id)
JOIN lianyun.claim c ON c.object = o.id AND c.milestone = ANY (%(stating)s::smallint[])
JOIN lianyun.claim t ON t.no = c.no AND t.kind = 8 AND t.milestone = ANY (%(stating)s::smallint[])

-- name: trades_stated
-- An event that names each of the trades; none of an object that is no trade.
SELECT c.object, min(c.no) FROM lianyun.claim c
WHERE c.object = ANY (%(ids)s::uuid[]) AND c.kind = 8 AND c.milestone = ANY (%(stating)s::smallint[])
GROUP BY c.object

-- name: turn
-- One follower at a time. No row is locked: a transaction that writes nothing yet keeps no other from settling.
SELECT pg_advisory_xact_lock(7001, 2)

-- name: untouch
DELETE FROM lianyun.case_touched WHERE case_id = ANY (%(ids)s::uuid[])

-- name: whole_at
SELECT whole_at FROM lianyun.case_cursor

-- name: with_cause
-- What a running position may change: causes, and the phase of what is not on the way.
SELECT cons FROM lianyun.case_cause WHERE cons = ANY (%(ids)s::uuid[])
UNION
SELECT cons FROM lianyun.consignment_party WHERE cons = ANY (%(ids)s::uuid[]) AND phase <> 3

-- name: words
-- The consignments in which financings are secured of which the events speak (an acknowledgement, a repayment), or whose pledged goods
-- they concern under another consignment.
SELECT DISTINCT coalesce(k.canonical, c.consignment)
FROM (
    SELECT w.subject FROM lianyun.financing_word w WHERE w.no = ANY (%(nos)s::bigint[])
    UNION
    SELECT w.financing FROM lianyun.financing_watch w WHERE w.no = ANY (%(nos)s::bigint[])
) AS f (financing)
JOIN lianyun.financing_cargo c ON c.financing = f.financing
LEFT JOIN lianyun.canonical k ON k.cons = c.consignment
