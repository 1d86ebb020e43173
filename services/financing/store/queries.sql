-- The SQL of financing, by name.

-- name: acknowledge
INSERT INTO lianyun.financing_acknowledged (financing, alert, at, client, remark)
VALUES (%(financing)s, %(alert)s, %(at)s, %(client)s, %(remark)s)
ON CONFLICT (financing, alert) DO NOTHING

-- name: acknowledged
SELECT alert, at, client, remark FROM lianyun.financing_acknowledged WHERE financing = %(financing)s AND at <= %(known_at)s

-- name: acknowledged_of_each
SELECT financing, alert FROM lianyun.financing_acknowledged WHERE financing = ANY (%(financings)s::uuid[]) AND at <= %(known_at)s

-- name: add_version
INSERT INTO lianyun.financing_version (number, key_id, normaliser)
SELECT coalesce(max(number), 0) + 1, %(key_id)s, %(normaliser)s FROM lianyun.financing_version
RETURNING number

-- name: annotated_under
-- What stands annotated under any of the digests, by request: of which paper, how much.
SELECT r.ask, a.version, a.kind, a.digest, NULL::text, a.measure, a.part, a.whole, '{}'::bigint[], NULL::uuid
FROM unnest(%(prints)s::text[]) WITH ORDINALITY AS r (prints, ask)
JOIN lianyun.annotation_entry a ON a.digest = ANY (r.prints::uuid[]) AND a.revoked IS NULL

-- name: annotation_number
SELECT nextval('lianyun.annotation_number')

-- name: annotation_of
-- An annotation that is done, by its number and bank, and whether it stands.
SELECT d.number, d.action, d.done, d.at, d.position, d.by_party, d.request, d.asked, d.deal, d.stated, d.annotation, d.kind,
       d.measure, d.part, d.whole, d.guard, d.satisfied_by, d.rules,
       NOT EXISTS (SELECT FROM lianyun.annotation_decision r WHERE r.annotation = d.number AND r.action = 'REVOKE' AND r.done)
FROM lianyun.annotation_decision d
WHERE d.number = %(number)s AND d.by_party = %(by)s AND d.action = 'ANNOTATE' AND d.done

-- name: annotation_requested
SELECT d.number, d.action, d.done, d.at, d.position, d.by_party, d.request, d.asked, d.deal, d.stated, d.annotation, d.kind,
       d.measure, d.part, d.whole, d.guard, d.satisfied_by, d.rules
FROM lianyun.annotation_decision d WHERE d.by_party = %(by)s AND d.request = %(request)s

-- name: annotations_on
-- What a bank has annotated of a deal and not revoked.
SELECT d.number, d.action, d.done, d.at, d.position, d.by_party, d.request, d.asked, d.deal, d.stated, d.annotation, d.kind,
       d.measure, d.part, d.whole, d.guard, d.satisfied_by, d.rules
FROM lianyun.annotation_decision d
WHERE d.deal = %(deal)s AND d.by_party = %(by)s AND d.action = 'ANNOTATE' AND d.done
  AND NOT EXISTS (SELECT FROM lianyun.annotation_decision r WHERE r.annotation = d.number AND r.action = 'REVOKE' AND r.done)
ORDER BY d.number

-- name: annotations_standing
SELECT a.version, a.kind, a.digest, NULL::text, a.measure, a.part, a.whole, '{}'::bigint[], NULL::uuid,
       a.annotation, d.by_party, d.deal
FROM lianyun.annotation_entry a JOIN lianyun.annotation_decision d ON d.number = a.annotation
WHERE a.digest = ANY (%(digests)s::uuid[]) AND a.revoked IS NULL

-- name: answered_by
SELECT answered FROM lianyun.financing_asked WHERE answered = ANY (%(numbers)s::bigint[])

-- name: assigned
-- The links of papers and bookings on a walk, wherever they lead; those of boxes are read with the walk.
SELECT l.no FROM walk w CROSS JOIN LATERAL (
    SELECT n.no FROM lianyun.link n WHERE n.left_id = w.id AND n.kind IN (2, 3, 4, 5) OFFSET 0
) AS l
WHERE w.kind IN (2, 3, 4, 5)

-- name: assigned_elsewhere
-- The events by which the boxes and papers of consignments are assigned to others: the links that lead there, what else leads to
-- these others, their foundings, and what names both a box or paper of the consignments and one of theirs.
WITH RECURSIVE below (id, kind) AS (
    SELECT m.id, 0::smallint FROM unnest(lianyun.financing_same(%(ids)s::uuid[])) AS m (id)
    UNION
    SELECT l.left_id, l.kind FROM below b JOIN lianyun.link l ON l.right_id = b.id WHERE l.kind IN (1, 2, 3, 4, 5, 10)
), own (id) AS MATERIALIZED (
    SELECT DISTINCT b.id FROM below b WHERE b.kind IN (1, 2, 3, 4, 5)
), down (id, kind, no) AS (
    SELECT l.right_id, l.right_kind, l.no FROM own o JOIN lianyun.link l ON l.left_id = o.id WHERE l.kind IN (1, 2, 3, 4, 5)
    UNION
    SELECT l.right_id, l.right_kind, l.no
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind IN (1, 2, 3, 4, 5)
), other (id) AS MATERIALIZED (
    SELECT unnest(lianyun.financing_same(ARRAY(
        SELECT DISTINCT d.id FROM down d WHERE d.kind = 1 AND d.id <> ALL (%(ids)s::uuid[])
    )))
), up (id, no) AS (
    SELECT o.id, NULL::bigint FROM other o
    UNION
    SELECT l.left_id, l.no FROM up u JOIN lianyun.link l ON l.right_id = u.id WHERE l.kind IN (1, 2, 3, 4, 5, 10)
), theirs (id) AS MATERIALIZED (
    SELECT DISTINCT u.id FROM up u
), further (id, kind, no) AS (
    SELECT l.right_id, l.right_kind, l.no FROM theirs t JOIN lianyun.link l ON l.left_id = t.id WHERE l.kind IN (1, 2, 3, 4, 5)
    UNION
    SELECT l.right_id, l.right_kind, l.no
    FROM further f JOIN lianyun.link l ON l.left_id = f.id
    WHERE f.kind <> 1 AND l.kind IN (1, 2, 3, 4, 5)
)
SELECT d.no FROM down d
UNION SELECT u.no FROM up u WHERE u.no IS NOT NULL
UNION SELECT f.no FROM further f
UNION SELECT n.no FROM (SELECT o.id FROM other o UNION SELECT f.id FROM further f WHERE f.kind = 1) AS c
    CROSS JOIN LATERAL (
        SELECT g.no FROM lianyun.founding g WHERE g.cons = c.id
        UNION ALL
        SELECT l.no FROM lianyun.link l WHERE l.left_id = c.id AND l.kind = 8
        UNION ALL
        SELECT l.no FROM lianyun.link l WHERE l.right_id = c.id AND l.kind = 8
        OFFSET 0
    ) AS n
UNION SELECT n.no FROM theirs t CROSS JOIN LATERAL (
    SELECT c.no FROM lianyun.claim c JOIN lianyun.claim b ON b.no = c.no
    WHERE c.object = t.id AND b.object IN (SELECT o.id FROM own o)
    OFFSET 0
) AS n

-- name: cargo_near
-- The financings of these ids by their names, each with the consignments that it was reserved on.
SELECT h.name, c.key
FROM lianyun.financing_cargo c JOIN lianyun.financing_hold h ON h.financing = c.financing
WHERE c.financing = ANY (%(financings)s::uuid[])
ORDER BY h.name, c.key

-- name: cargo_of
SELECT DISTINCT consignment, key FROM lianyun.financing_cargo WHERE financing = ANY (%(financings)s::uuid[])

-- name: cargo_of_each
SELECT financing, consignment, key FROM lianyun.financing_cargo WHERE financing = ANY (%(financings)s::uuid[])

-- name: close_version
UPDATE lianyun.financing_version SET open = false WHERE number = %(number)s AND open RETURNING number

-- name: crossings_of
-- The crossings, among those given, that routes pass which are planned for the cargo of the financings.
SELECT DISTINCT c.financing, p.object
FROM lianyun.financing_cargo c
LEFT JOIN lianyun.canonical k ON k.cons = c.consignment
JOIN lianyun.reach r ON r.cons = coalesce(k.canonical, c.consignment)
JOIN lianyun.mention m ON m.object = ANY (r.objects || r.cons)
JOIN lianyun.passing p ON p.no = m.no AND p.object = ANY (%(crossings)s::uuid[])
JOIN lianyun.body i ON i.no = m.no
WHERE c.financing = ANY (%(financings)s::uuid[]) AND NOT EXISTS (SELECT FROM lianyun.dead d WHERE d.id = i.id)

-- name: decision_asked
-- The decision that the asker already has: under its name of the request, or of the same signed event.
SELECT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.goods, d.resembles, d.reviewed, d.reviewers, d.signatories
FROM lianyun.financing_decision d
WHERE (d.asked_by = %(asked_by)s AND d.idempotency = %(idempotency)s)
   OR (%(request)s::uuid IS NOT NULL AND d.request = %(request)s::uuid)
ORDER BY d.number
LIMIT 1

-- name: decisions
SELECT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.goods, d.resembles, d.reviewed, d.reviewers, d.signatories, d.headers, d.payload
FROM lianyun.financing_decision d
WHERE d.number > %(after)s
ORDER BY d.number
LIMIT %(limit)s

-- name: decisions_of
SELECT DISTINCT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.goods, d.resembles, d.reviewed, d.reviewers, d.signatories
FROM lianyun.financing_touched t JOIN lianyun.financing_decision d ON d.number = t.number
WHERE t.financing = ANY (%(financings)s::uuid[])
ORDER BY d.number

-- name: decisions_of_each
-- The same with the financing that each decision changed, once for each of them.
SELECT t.financing, d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.goods, d.resembles, d.reviewed, d.reviewers, d.signatories
FROM lianyun.financing_touched t JOIN lianyun.financing_decision d ON d.number = t.number
WHERE t.financing = ANY (%(financings)s::uuid[])
ORDER BY d.number

-- name: entries
-- What is held under any of the digests.
SELECT e.version, e.kind, e.digest, e.name, e.measure, e.part, e.whole, e.near, e.thing
FROM lianyun.financing_entry e
WHERE e.digest = ANY (%(digests)s::uuid[]) AND e.freed IS NULL

-- name: entries_met
-- What is held under any of the fingerprints; without any, under those that the financing itself holds.
SELECT e.version, e.kind, e.digest, e.name, e.measure, e.part, e.whole, e.near, e.thing
FROM lianyun.financing_entry e
WHERE e.freed IS NULL AND e.digest = ANY (ARRAY(
    SELECT unnest(%(prints)s::uuid[])
    UNION
    SELECT o.digest FROM lianyun.financing_entry o
    WHERE cardinality(%(prints)s::uuid[]) = 0 AND o.financing = %(own)s::uuid AND o.freed IS NULL
))

-- name: entries_of
SELECT e.version, e.kind, e.digest, e.name, e.measure, e.part, e.whole, e.near, e.thing
FROM lianyun.financing_entry e
WHERE e.financing = ANY (%(financings)s::uuid[]) AND e.freed IS NULL

-- name: external
SELECT registry, finding, at FROM lianyun.financing_external WHERE financing = %(financing)s ORDER BY at

-- name: financings_beside
-- With each of these financings those of its consignments, or of ones that are the same now.
WITH grouped (own, id) AS (
    SELECT c.financing, c.consignment FROM lianyun.financing_cargo c WHERE c.financing = ANY (%(financings)s::uuid[])
    UNION
    SELECT c.financing, k.canonical
    FROM lianyun.financing_cargo c JOIN lianyun.canonical k ON k.cons = c.consignment
    WHERE c.financing = ANY (%(financings)s::uuid[])
)
SELECT g.own, c.financing FROM grouped g JOIN lianyun.financing_cargo c ON c.consignment = g.id
UNION
SELECT g.own, c.financing
FROM grouped g JOIN lianyun.canonical k ON k.canonical = g.id JOIN lianyun.financing_cargo c ON c.consignment = k.cons

-- name: financings_on
-- The financings of which a consignment of the given groups is cargo, under any name of the group.
SELECT c.financing FROM lianyun.financing_cargo c WHERE c.consignment = ANY (%(ids)s::uuid[])
UNION
SELECT c.financing
FROM lianyun.canonical k JOIN lianyun.financing_cargo c ON c.consignment = k.cons
WHERE k.canonical = ANY (%(ids)s::uuid[])

-- name: financings_on_each
-- The same, each with the group of these that it is on.
SELECT c.consignment, c.financing FROM lianyun.financing_cargo c WHERE c.consignment = ANY (%(ids)s::uuid[])
UNION
SELECT k.canonical, c.financing
FROM lianyun.canonical k JOIN lianyun.financing_cargo c ON c.consignment = k.cons
WHERE k.canonical = ANY (%(ids)s::uuid[])

-- name: held
-- What the statement before it in this transaction has locked (lianyun.financing_hold_goods), one row for each request.
SELECT h.ask, h.consignments::uuid[] AS consignments, h.involved::uuid[] AS involved, h.subjects::uuid[] AS subjects
FROM unnest(
    current_setting('lianyun.consignments')::text[], current_setting('lianyun.involved')::text[],
    current_setting('lianyun.subjects')::text[]
) WITH ORDINALITY AS h (consignments, involved, subjects, ask)

-- name: hold_group
SELECT ask, registry, versions, consignments, involved, near, keys, moment, "position", number, steady, ruled, answered, repeated
FROM lianyun.financing_hold_goods(
    %(named)s::text[], %(kinds)s::text[], %(financings)s::text[], %(own)s::text[], %(prints)s::text[], %(made_by)s::text[],
    %(further)s::text[], %(told)s::text[], %(disposes)s::boolean[], %(nearby)s::boolean[],
    %(asked_by)s::text[], %(idempotency)s::text[], %(request)s::text[]
)

-- name: hold_versions
-- Keeps the versions as they are until the transaction ends: every one that is open, or under which something is held.
-- The least version from one on is found by one step into the index, where EXISTS may read all that is held.
SELECT v.number, v.key_id, v.normaliser, v.open FROM lianyun.financing_version v
WHERE v.open OR v.number = (
    SELECT least(
        (SELECT min(e.version) FROM lianyun.financing_entry e WHERE e.version >= v.number AND e.freed IS NULL),
        (SELECT min(a.version) FROM lianyun.annotation_entry a WHERE a.version >= v.number AND a.revoked IS NULL)
    )
)
ORDER BY v.number
FOR SHARE OF v

-- name: judged
-- The latest judgment, by a moment, of the forecast of each consignment against the maturity of each of these financings.
SELECT DISTINCT ON (j.subject, j.cons) j.subject, j.consignment, j.at, j.lateness, j.evidence FROM lianyun.arrival_judgment j
WHERE j.subject = ANY (%(subjects)s::text[]) AND j.subject <> 'PROMISE' AND j.at <= %(at)s
ORDER BY j.subject, j.cons, j.number DESC

-- name: limits
-- The amount limits of a bank: all, or those of some persons and the first one of all.
SELECT l.bank, l.person, l.currency, l.at, l.may_make, l.may_check, l.by_issuer, l.by_person
FROM lianyun.financing_limit l
WHERE l.bank = %(bank)s
  AND (%(persons)s::uuid[] IS NULL OR l.person = ANY (%(persons)s::uuid[])
       OR l.at = (SELECT min(f.at) FROM lianyun.financing_limit f WHERE f.bank = %(bank)s))
ORDER BY l.at, l.person, l.currency

-- name: lock_holds
SELECT h.financing FROM lianyun.financing_hold h WHERE h.financing = ANY (%(financings)s::uuid[]) ORDER BY h.financing FOR UPDATE

-- name: lock_versions
-- Nobody decides meanwhile: decisions under way hold these rows.
LOCK TABLE lianyun.financing_version IN EXCLUSIVE MODE

-- name: looked_after
-- The financings of one bank after a name that are open, or ended after facts about the cargo that they were pledged on.
SELECT h.name, h.ended FROM lianyun.financing_hold h
WHERE h.name > %(after)s AND h.name < %(end)s
  AND (NOT h.ended OR h.pledged AND EXISTS (SELECT FROM lianyun.financing_watch w WHERE w.financing = h.financing))
ORDER BY h.name
LIMIT %(limit)s

-- name: next_asked
-- The oldest event that waits for its decision and that nobody else is at work on; what failed waits until it is tried again.
SELECT a.no FROM lianyun.financing_asked a
WHERE a.answered IS NULL AND (a.again IS NULL OR a.again <= clock_timestamp())
ORDER BY a.no
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: number
SELECT nextval('lianyun.financing_number')

-- name: own_reached
-- The decisions on one bank's financings of what an object leads to, by the links of any time; one answer for everything.
WITH RECURSIVE down (id, kind, lo, hi) AS (
    SELECT %(id)s::uuid, %(kind)s::smallint, -4611686018427387904, 4611686018427387904
    UNION
    SELECT l.right_id, l.right_kind, greatest(d.lo, l.start_at), least(d.hi, l.until)
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind <> 8 AND NOT l.dead AND l.start_at < d.hi AND l.until > d.lo
), members (id) AS (
    SELECT d.id FROM down d WHERE d.kind = 1
    UNION
    SELECT o.cons FROM down d
    JOIN lianyun.canonical k ON k.cons = d.id
    JOIN lianyun.canonical o ON o.canonical = k.canonical
    WHERE d.kind = 1
), own (financing) AS (
    SELECT DISTINCT h.financing
    FROM members m
    JOIN lianyun.financing_cargo c ON c.consignment = m.id
    JOIN lianyun.financing_hold h ON h.financing = c.financing
    WHERE h.name >= %(first)s AND h.name < %(end)s
)
SELECT DISTINCT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.goods, d.resembles, d.reviewed, d.reviewers, d.signatories
FROM own o
JOIN lianyun.financing_touched t ON t.financing = o.financing
JOIN lianyun.financing_decision d ON d.number = t.number
ORDER BY d.number

-- name: own_under
-- The financings of one bank that hold or held something under any of the digests.
SELECT DISTINCT e.name FROM lianyun.financing_entry e
WHERE e.digest = ANY (%(digests)s::uuid[]) AND e.freed IS NULL AND e.name >= %(first)s AND e.name < %(end)s
ORDER BY e.name

-- name: pledged_walk
-- Everything from which facts reach the goods of a financing that was pledged at ``since``, until the pledge ended at ``until``, a row
-- ``g`` around it: what named them by links of any time, dead ones as well, with no end but one that was written with the link; and the other
-- consignments that name a box or note of them meanwhile, with what leads to these other than by train. The reader judges which count.
WITH RECURSIVE member (id) AS MATERIALIZED (
    SELECT unnest(lianyun.financing_same(ARRAY(
        SELECT c.consignment FROM lianyun.financing_cargo c WHERE c.financing = g.financing
    )))
), up (id, kind, lo, hi, shared) AS (
    SELECT id, 0::smallint, -4611686018427387904, 4611686018427387904, false FROM member
    UNION
    SELECT l.left_id, l.kind, greatest(u.lo, l.start_at), least(u.hi, l.until), l.shared
    FROM up u CROSS JOIN LATERAL (
        SELECT n.left_id, n.kind, n.start_at, n.shared,
               CASE WHEN n.kind IN (6, 7) OR n.end_at IS NOT NULL THEN n.until ELSE greatest(n.until, g.until) END AS until
        FROM lianyun.link n
        WHERE n.right_id = u.id AND n.kind <> 8 AND n.start_at < u.hi AND (n.kind NOT IN (6, 7) OR n.until >= u.lo)
        OFFSET 0
    ) AS l
), name (id, hi, shared) AS MATERIALIZED (
    SELECT u.id, max(u.hi), bool_and(u.shared) FROM up u WHERE u.kind IN (1, 2, 4) GROUP BY u.id
), down (id, kind) AS (
    SELECT l.right_id, l.right_kind
    FROM name n CROSS JOIN LATERAL (
        SELECT l.right_id, l.right_kind FROM lianyun.link l
        WHERE l.left_id = n.id AND l.kind IN (1, 2) AND l.start_at < n.hi AND l.until > g.since AND NOT (n.shared AND l.shared)
        OFFSET 0
    ) AS l
    UNION
    SELECT l.right_id, l.right_kind FROM down d JOIN lianyun.link l ON l.left_id = d.id AND l.kind = 3 WHERE d.kind <> 1
), beside (id, kind, lo, hi) AS (
    SELECT d.id, 0::smallint, -4611686018427387904, 4611686018427387904 FROM down d
    WHERE d.kind = 1 AND d.id NOT IN (SELECT m.id FROM member m)
    UNION
    SELECT l.left_id, l.kind, greatest(b.lo, l.start_at), least(b.hi, l.until)
    FROM beside b CROSS JOIN LATERAL (
        SELECT n.left_id, n.kind, n.start_at, n.until FROM lianyun.link n
        WHERE n.right_id = b.id AND n.kind IN (1, 2, 3, 4, 5, 10) AND n.start_at < b.hi AND n.until >= b.lo
          AND (n.kind <> 1 OR n.left_id IN (SELECT a.id FROM name a))
        OFFSET 0
    ) AS l
)
SELECT id, kind, lo, hi FROM up
UNION
SELECT id, kind, lo, hi FROM beside

-- name: portfolio
-- The financings of one bank after a name, in the order of names.
SELECT h.name FROM lianyun.financing_hold h
WHERE h.name > %(after)s AND h.name < %(end)s AND (NOT %(open)s OR NOT h.ended)
ORDER BY h.name
LIMIT %(limit)s

-- name: proposal
SELECT p.id, p.bank, p.financing, p.action, p.amount, p.currency, p.made, p.by_issuer, p.by_person, p.expires, p.outcome, p.guard, p.state,
       v.proposal, v.verdict, v.at, v.by_issuer, v.by_person, v.reason, v.decision, p.sealed
FROM lianyun.financing_proposal p LEFT JOIN lianyun.financing_verdict v ON v.proposal = p.id
WHERE p.bank = %(bank)s AND p.id = %(id)s::uuid

-- name: proposals
-- The proposals of a bank, the newest first: all, of one financing, or those that can still be approved at a moment.
SELECT p.id, p.bank, p.financing, p.action, p.amount, p.currency, p.made, p.by_issuer, p.by_person, p.expires, p.outcome, p.guard, p.state,
       v.proposal, v.verdict, v.at, v.by_issuer, v.by_person, v.reason, v.decision, p.sealed
FROM lianyun.financing_proposal p LEFT JOIN lianyun.financing_verdict v ON v.proposal = p.id
WHERE p.bank = %(bank)s
  AND (%(financing)s::text IS NULL OR p.financing = %(financing)s)
  AND (%(waiting)s::bigint IS NULL OR v.proposal IS NULL AND p.expires > %(waiting)s)
ORDER BY p.made DESC, p.id
LIMIT %(limit)s

-- name: put_annotation
INSERT INTO lianyun.annotation_decision (number, action, done, at, position, by_party, request, asked, deal, stated, annotation, kind,
    measure, part, whole, guard, satisfied_by, rules, headers, payload)
VALUES (%(number)s, %(action)s, %(done)s, %(at)s, %(position)s, %(by)s, %(request)s, %(asked)s::uuid, %(deal)s, %(stated)s::uuid,
    %(annotation)s, %(kind)s, %(measure)s, %(part)s, %(whole)s, %(guard)s, %(satisfied_by)s, %(rules)s, %(headers)s, %(payload)s)

-- name: put_annotation_entries
INSERT INTO lianyun.annotation_entry (annotation, version, kind, digest, measure, part, whole)
SELECT %(annotation)s::bigint, e.* FROM unnest(
    %(versions)s::smallint[], %(kinds)s::smallint[], %(digests)s::uuid[], %(measures)s::text[], %(parts)s::text[]::bigint[],
    %(wholes)s::text[]::bigint[]
) AS e

-- name: put_answered
UPDATE lianyun.financing_asked SET answered = %(number)s, fault = NULL, again = NULL WHERE no = %(no)s

-- name: put_asked
INSERT INTO lianyun.financing_asked (no)
SELECT a.no FROM unnest(%(nos)s::bigint[]) AS a (no)
ON CONFLICT (no) DO NOTHING

-- name: put_external
INSERT INTO lianyun.financing_external (financing, registry, at, finding)
VALUES (%(financing)s, %(registry)s, %(at)s, %(finding)s)
ON CONFLICT (financing, registry, at) DO NOTHING

-- name: put_fault
UPDATE lianyun.financing_asked SET fault = %(fault)s, again = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE no = %(no)s AND answered IS NULL

-- name: put_limit
INSERT INTO lianyun.financing_limit (bank, person, currency, at, may_make, may_check, by_issuer, by_person)
VALUES (%(bank)s, %(person)s, %(currency)s, %(at)s, %(may_make)s, %(may_check)s, %(by_issuer)s, %(by_person)s)

-- name: put_named
-- For financings that are pledged now: the links of other consignments that name a box or note of their goods already, and what
-- withdrew that which named the goods.
WITH RECURSIVE up (financing, id, kind, shared) AS (
    SELECT c.financing, c.consignment, 0::smallint, false FROM lianyun.financing_cargo c WHERE c.financing = ANY (%(financings)s::uuid[])
    UNION
    SELECT u.financing, l.left_id, l.kind, l.shared FROM up u JOIN lianyun.link l ON l.right_id = u.id AND l.kind IN (1, 2, 3, 4)
)
INSERT INTO lianyun.financing_watch (financing, no)
SELECT u.financing, l.no
FROM up u JOIN lianyun.link l ON l.left_id = u.id AND l.kind IN (1, 2)
WHERE u.kind IN (1, 2, 4) AND NOT l.dead AND l.until > %(at)s AND NOT (u.shared AND l.shared)
  AND NOT EXISTS (SELECT FROM up m WHERE m.financing = u.financing AND m.id = l.right_id)
  -- A master note is rightly over all that a consolidated box holds.
  AND (l.kind = 1 OR NOT EXISTS (SELECT FROM up b WHERE b.financing = u.financing AND b.shared))
UNION
SELECT u.financing, w.no
FROM up u CROSS JOIN LATERAL (
    SELECT l.no FROM lianyun.link l WHERE l.right_id = u.id AND l.kind IN (1, 2, 3, 4) AND l.dead
    UNION ALL
    SELECT f.no FROM lianyun.founding f WHERE f.cons = u.id
) AS n (no)
JOIN lianyun.body b ON b.no = n.no
JOIN lianyun.withdrawal d ON d.target = b.id
JOIN lianyun.identity w ON w.id = d.event
ORDER BY 1, 2
ON CONFLICT (financing, no) DO NOTHING

-- name: put_proposal
INSERT INTO lianyun.financing_proposal
    (id, bank, financing, action, amount, currency, made, by_issuer, by_person, expires, outcome, guard, state, sealed)
VALUES (%(id)s, %(bank)s, %(financing)s, %(action)s, %(amount)s, %(currency)s, %(made)s, %(by_issuer)s, %(by_person)s, %(expires)s,
        %(outcome)s, %(guard)s, %(state)s, %(sealed)s)
ON CONFLICT (id) DO NOTHING

-- name: put_verdict
INSERT INTO lianyun.financing_verdict (proposal, verdict, at, by_issuer, by_person, reason, decision)
VALUES (%(proposal)s, %(verdict)s, %(at)s, %(by_issuer)s, %(by_person)s, %(reason)s, %(decision)s)

-- name: put_watch
-- The pledged financings that an event concerns. First those of the cargo that a fact reaches by the links of its time: of facts that come
-- now, and of those that become news by a link that comes now. Then those of goods that links of any time, dead ones as well, lead
-- to from what a fact, a link or founding, or the withdrawal of these is about (told); of facts about a whole consignment also from what
-- it shares with others. While nobody holds a pledge nothing is looked for but the first. Between the steps the rows are arrays:
-- the planner, which multiplies what it expects of each, would set aside a hundred megabytes for what hardly ever has a row.
WITH RECURSIVE late (no, id, at) AS (
    SELECT c.no, l.right_id, c.happened
    FROM lianyun.link l CROSS JOIN LATERAL (
        SELECT f.no, f.happened FROM lianyun.claim f
        WHERE f.object = l.left_id AND f.happened >= l.start_at AND f.happened < l.until
          AND f.milestone = ANY (%(milestones)s::smallint[]) AND NOT f.dead
        OFFSET 0
    ) AS c
    WHERE l.no = ANY (%(linked)s::bigint[]) AND l.kind <> 8 AND NOT l.dead
      AND (SELECT true FROM lianyun.financing_hold p WHERE p.pledged AND NOT p.ended LIMIT 1)
), facts (nos, ids, los, his) AS (
    SELECT array_agg(f.no), array_agg(f.id), array_agg(f.at), array_agg(f.at + 1) FROM (
        SELECT * FROM unnest(%(nos)s::bigint[], %(objects)s::uuid[], %(moments)s::bigint[]) AS n (no, id, at)
        UNION ALL
        SELECT * FROM late
    ) AS f
), reached (no, id) AS (
    SELECT d.key, d.id FROM facts f CROSS JOIN LATERAL lianyun.led_to(f.nos, f.ids, f.los, f.his) AS d
), called (no, id) AS (
    SELECT * FROM reached
    UNION
    SELECT r.no, o.cons FROM reached r
    JOIN lianyun.canonical k ON k.cons = r.id
    JOIN lianyun.canonical o ON o.canonical = k.canonical
)
, withdrawn (no, of) AS (
    SELECT w.no, i.no
    FROM unnest(%(withdrawing)s::bigint[], %(targets)s::uuid[]) AS w (no, target) JOIN lianyun.identity i ON i.id = w.target
    UNION
    -- Another content under a known id.
    SELECT v.no, i.no FROM lianyun.variant v JOIN lianyun.identity i ON i.id = v.id
    WHERE v.no BETWEEN %(first)s AND %(last)s
), told (no, id, whole) AS MATERIALIZED (
    SELECT t.* FROM (
        SELECT n.no, n.id, n.kind <= 3 FROM unnest(%(nos)s::bigint[], %(objects)s::uuid[], %(kinds)s::smallint[]) AS n (no, id, kind)
        UNION
        SELECT n.no, n.id, false FROM unnest(%(naming)s::bigint[], %(named)s::uuid[]) AS n (no, id)
        UNION
        SELECT e.no, x.id, false FROM withdrawn e CROSS JOIN LATERAL (
            SELECT l.left_id FROM lianyun.link l WHERE l.no = e.of AND l.kind NOT IN (6, 7, 9)
            UNION ALL
            SELECT l.right_id FROM lianyun.link l WHERE l.no = e.of AND l.kind = 8
            UNION ALL
            SELECT f.cons FROM lianyun.founding f WHERE f.no = e.of
        ) AS x (id)
    ) AS t (no, id, whole)
    WHERE (SELECT true FROM lianyun.financing_hold p WHERE p.pledged AND NOT p.ended LIMIT 1)
), down (no, id, whole) AS (
    SELECT * FROM told
    UNION
    SELECT d.no, l.right_id, d.whole
    FROM down d JOIN lianyun.link l ON l.left_id = d.id AND l.kind IN (1, 2, 3, 4, 5, 10) AND l.no <> d.no
), whole (nos, ids) AS (
    SELECT array_agg(no), array_agg(id) FROM down WHERE whole
), up (no, id, shared) AS (
    SELECT d.no, l.left_id, l.shared
    FROM whole w CROSS JOIN unnest(w.nos, w.ids) AS d (no, id)
    JOIN lianyun.link l ON l.right_id = d.id AND l.kind IN (1, 2, 3)
    UNION
    SELECT u.no, l.left_id, l.shared FROM up u JOIN lianyun.link l ON l.right_id = u.id AND l.kind IN (1, 2)
), above (nos, ids, shared) AS (
    SELECT array_agg(no), array_agg(id), array_agg(shared) FROM up
), again (no, id) AS (
    SELECT u.no, l.right_id
    FROM above a CROSS JOIN unnest(a.nos, a.ids, a.shared) AS u (no, id, shared)
    JOIN lianyun.link l ON l.left_id = u.id AND l.kind IN (1, 2) AND NOT (u.shared AND l.shared)
    UNION
    SELECT a.no, l.right_id FROM again a JOIN lianyun.link l ON l.left_id = a.id AND l.kind = 3
), goods (nos, ids) AS (
    SELECT array_agg(g.no), array_agg(g.id) FROM (SELECT no, id FROM down UNION ALL SELECT no, id FROM again) AS g
), same (no, id) AS (
    -- With all that was ever declared the same consignment.
    SELECT n.no, n.id FROM goods g CROSS JOIN unnest(g.nos, g.ids) AS n (no, id)
    UNION
    SELECT s.no, n.id FROM same s CROSS JOIN LATERAL (
        SELECT l.right_id FROM lianyun.link l WHERE l.left_id = s.id AND l.kind = 8
        UNION ALL
        SELECT l.left_id FROM lianyun.link l WHERE l.right_id = s.id AND l.kind = 8
    ) AS n (id)
)
INSERT INTO lianyun.financing_watch (financing, no)
SELECT DISTINCT h.financing, r.no
FROM (
    SELECT no, id FROM called
    UNION
    SELECT no, id FROM same
) AS r
JOIN lianyun.financing_cargo c ON c.consignment = r.id
JOIN lianyun.financing_hold h ON h.financing = c.financing
WHERE h.pledged AND NOT h.ended
ORDER BY h.financing, r.no
ON CONFLICT (financing, no) DO NOTHING

-- name: put_words
INSERT INTO lianyun.financing_word (subject, no)
SELECT w.subject, w.no FROM unnest(%(subjects)s::uuid[], %(nos)s::bigint[]) AS w (subject, no)
ON CONFLICT (subject, no) DO NOTHING

-- name: record_changes
-- What follows from decisions. What a financing takes anew is not freed first: one statement changes a row once.
WITH freed_hold AS (
    UPDATE lianyun.financing_hold SET ended = true WHERE financing = ANY (%(freed_holds)s::uuid[])
), hold AS (
    INSERT INTO lianyun.financing_hold AS h (financing, name, blocks, pledged, ended)
    SELECT n.id, n.name, n.blocks, n.pledged, n.ended
    FROM unnest(
        %(holders)s::uuid[], %(holder_names)s::text[], %(blocks)s::boolean[], %(pledged)s::boolean[], %(ended)s::boolean[]
    ) AS n (id, name, blocks, pledged, ended)
    ON CONFLICT (financing) DO UPDATE
    SET pledged = h.pledged OR excluded.pledged,
        -- A reference whose reservation ran out may be reserved anew.
        ended = excluded.ended
), taken AS MATERIALIZED (
    SELECT * FROM unnest(
        %(takers)s::uuid[], %(taker_names)s::text[], %(versions)s::smallint[], %(kinds)s::smallint[], %(digests)s::uuid[],
        %(measures)s::text[], %(parts)s::bigint[], %(wholes)s::bigint[], %(nears)s::text[], %(things)s::uuid[]
    ) AS e (financing, name, version, kind, digest, measure, part, whole, near, thing)
), freed AS (
    UPDATE lianyun.financing_entry e
    SET freed = (
        SELECT f.number FROM unnest(%(freed)s::uuid[], %(freed_by)s::bigint[]) AS f (id, number) WHERE f.id = e.financing
    )
    WHERE e.financing = ANY (%(freed)s::uuid[]) AND e.freed IS NULL
      AND (e.financing, e.version, e.kind, e.digest) NOT IN (
          SELECT t.financing, t.version, t.kind, t.digest FROM taken t
      )
), freed_part AS (
    -- Of a financing of which only a part is given back.
    UPDATE lianyun.financing_entry e SET freed = p.number
    FROM unnest(
        %(part_of)s::uuid[], %(part_versions)s::smallint[], %(part_kinds)s::smallint[], %(part_digests)s::uuid[], %(part_by)s::bigint[]
    ) AS p (financing, version, kind, digest, number)
    WHERE (e.financing, e.version, e.kind, e.digest) = (p.financing, p.version, p.kind, p.digest) AND e.freed IS NULL
), entries AS (
    INSERT INTO lianyun.financing_entry (financing, name, version, kind, digest, measure, part, whole, near, thing)
    SELECT t.financing, t.name, t.version, t.kind, t.digest, t.measure, t.part, t.whole, t.near::bigint[], t.thing
    FROM taken t
    ON CONFLICT (financing, version, kind, digest) DO UPDATE
    SET measure = excluded.measure, part = excluded.part, whole = excluded.whole, near = excluded.near,
        thing = excluded.thing, freed = NULL
)
INSERT INTO lianyun.financing_cargo (consignment, financing, key)
SELECT c.id, c.financing, c.key
FROM unnest(%(cargo)s::uuid[], %(cargo_of)s::uuid[], %(cargo_keys)s::text[]) AS c (id, financing, key)
ON CONFLICT (consignment, financing) DO NOTHING

-- name: record_decisions
-- Decisions, which financings each of them changed, and how many this session has recorded.
WITH decision AS (
    INSERT INTO lianyun.financing_decision
        (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
         applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, shares, waiver, goods,
         resembles, reviewed, reviewers, signatories, headers, payload, stream)
    SELECT d.number, d.position, d.before, d.at, d.action, d.outcome, d.asked_by, d.idempotency, d.asked, d.request,
           d.financing, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees::text[],
           d.notices::text[], d.guard, d.satisfied_by, d.rules, d.shares::text[], d.waiver, d.goods::text[],
           d.resembles::text[], d.reviewed, d.reviewers::text[], d.signatories::text[], d.headers, d.payload,
           pg_backend_pid()
    FROM unnest(
        %(numbers)s::bigint[], %(positions)s::bigint[], %(befores)s::bigint[], %(ats)s::bigint[], %(actions)s::text[],
        %(outcomes)s::text[], %(asked_bys)s::text[], %(idempotencies)s::text[], %(askeds)s::uuid[], %(requests)s::uuid[],
        %(financings)s::text[], %(applications)s::text[], %(applicants)s::text[], %(products)s::text[],
        %(interests)s::text[], %(amounts)s::bigint[], %(currencies)s::text[], %(untils)s::bigint[], %(frees)s::text[],
        %(notices)s::text[], %(guards)s::text[], %(satisfied_bys)s::text[], %(rules)s::text[], %(shares)s::text[],
        %(waivers)s::text[], %(goods)s::text[], %(resembles)s::text[], %(revieweds)s::bigint[], %(reviewers)s::text[],
        %(signatories)s::text[], %(headers)s::bytea[],
        %(payloads)s::bytea[]
    ) AS d (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
            applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, shares,
            waiver, goods, resembles, reviewed, reviewers, signatories, headers, payload)
    RETURNING number, stream
), tally AS (
    INSERT INTO lianyun.financing_tally AS t (stream, decisions, numbers)
    SELECT d.stream, count(*), sum(d.number)::bigint FROM decision d GROUP BY d.stream
    ON CONFLICT (stream) DO UPDATE SET decisions = t.decisions + excluded.decisions, numbers = t.numbers + excluded.numbers
)
INSERT INTO lianyun.financing_touched (financing, number)
SELECT t.id, t.number FROM unnest(%(touched)s::uuid[], %(touched_by)s::bigint[]) AS t (id, number)

-- name: record_first
-- The same of decisions before which there was none on anything involved: none of these rows can be there already.
WITH hold AS (
    INSERT INTO lianyun.financing_hold (financing, name, blocks, pledged, ended)
    SELECT n.id, n.name, n.blocks, n.pledged, n.ended
    FROM unnest(
        %(holders)s::uuid[], %(holder_names)s::text[], %(blocks)s::boolean[], %(pledged)s::boolean[], %(ended)s::boolean[]
    ) AS n (id, name, blocks, pledged, ended)
), entries AS (
    INSERT INTO lianyun.financing_entry (financing, name, version, kind, digest, measure, part, whole, near, thing)
    SELECT t.financing, t.name, t.version, t.kind, t.digest, t.measure, t.part, t.whole, t.near::bigint[], t.thing
    FROM unnest(
        %(takers)s::uuid[], %(taker_names)s::text[], %(versions)s::smallint[], %(kinds)s::smallint[], %(digests)s::uuid[],
        %(measures)s::text[], %(parts)s::bigint[], %(wholes)s::bigint[], %(nears)s::text[], %(things)s::uuid[]
    ) AS t (financing, name, version, kind, digest, measure, part, whole, near, thing)
)
INSERT INTO lianyun.financing_cargo (consignment, financing, key)
SELECT c.id, c.financing, c.key
FROM unnest(%(cargo)s::uuid[], %(cargo_of)s::uuid[], %(cargo_keys)s::text[]) AS c (id, financing, key)

-- name: revoke_annotation
UPDATE lianyun.annotation_entry SET revoked = %(number)s WHERE annotation = %(annotation)s AND revoked IS NULL

-- name: seen
-- The facts of these numbers and the events that are found under subjects, with all that withdraws or lifts them, at any depth,
-- and all contents under their ids: one after the other, what is a fact and found under a subject among both.
WITH RECURSIVE told (is_fact, id) AS (
    SELECT n.is_fact, b.id FROM (
        SELECT true, f.no FROM unnest(%(facts)s::bigint[]) AS f (no)
        UNION ALL
        SELECT false, w.no FROM lianyun.financing_word w WHERE w.subject = ANY (%(subjects)s::uuid[])
    ) AS n (is_fact, no) JOIN lianyun.body b ON b.no = n.no
    UNION
    SELECT t.is_fact, n.id FROM told t CROSS JOIN LATERAL (
        SELECT w.event FROM lianyun.withdrawal w WHERE w.target = t.id
        UNION ALL
        SELECT b.id FROM lianyun.mention m JOIN lianyun.body b ON b.no = m.no WHERE m.object = t.id
    ) AS n (id)
), numbers (is_fact, no) AS (
    SELECT DISTINCT t.is_fact, c.no FROM told t CROSS JOIN LATERAL (
        SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
        UNION ALL
        SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
    ) AS c
)
SELECT n.is_fact, b.no, b.id, b.content, t.name, b.part, b."offset", b.appended, b.registry, b.rules, b.key_id, b.headers,
       b.payload, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = b.no)
FROM numbers n
JOIN lianyun.body b ON b.no = n.no
JOIN lianyun.topic t ON t.no = b.topic
ORDER BY b.no

-- name: subjects_involved
SELECT unnest(h.subjects)
UNION
-- The applications under which the financings involved are reserved, and those that they were touched by.
SELECT substr(encode(sha256('\x6170706c69636174696f6e00'::bytea || convert_to(r.application, 'UTF8')), 'hex'), 1, 32)::uuid
FROM (
    SELECT DISTINCT ON (d.financing) d.application
    FROM lianyun.financing_touched t JOIN lianyun.financing_decision d ON d.number = t.number
    WHERE t.financing = ANY (h.involved) AND d.action = 'RESERVE' AND d.outcome = 'DONE'
    ORDER BY d.financing, d.number DESC
) AS r

-- name: subjects_reached
-- The financings that were ever reserved, and their applications: 16 bytes of SHA-256 under the name of their kind.
SELECT substr(encode(sha256('\x66696e616e63696e6700'::bytea || convert_to(r.financing, 'UTF8')), 'hex'), 1, 32)::uuid
FROM reached r WHERE r.action = 'RESERVE' AND r.outcome = 'DONE'
UNION
SELECT substr(encode(sha256('\x6170706c69636174696f6e00'::bytea || convert_to(r.application, 'UTF8')), 'hex'), 1, 32)::uuid
FROM reached r WHERE r.action = 'RESERVE' AND r.outcome = 'DONE'

-- name: turn_of_limits
-- Who sets a limit of a bank waits for what its people are preparing and approving, and these for it: an advisory lock, as no row is changed.
SELECT pg_advisory_xact_lock(7005, hashtext(%(bank)s))

-- name: turn_of_limits_shared
SELECT pg_advisory_xact_lock_shared(7005, hashtext(%(bank)s))

-- name: turn_of_proposal
-- Whoever ends a proposal waits for whoever is ending it: an advisory lock, as nobody changes the row.
SELECT pg_advisory_xact_lock(7004, hashtext(%(id)s))

-- name: watched
-- Facts about one bank's pledged cargo after a place, in the order in which they became visible to everybody.
SELECT w.xid::text, w.no, h.name
FROM lianyun.financing_watch w JOIN lianyun.financing_hold h ON h.financing = w.financing
WHERE (w.xid, w.no) > (%(xid)s::xid8, %(no)s) AND w.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND h.name >= %(first)s AND h.name < %(end)s
ORDER BY w.xid, w.no
LIMIT %(limit)s

-- name: watched_end
-- The place behind all that is visible to everybody now.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text

-- name: words_of_each
-- As ``words_read``, of each place its subjects: the numbers alone.
WITH RECURSIVE told (place, id) AS (
    SELECT s.place, b.id
    FROM unnest(%(places)s::bigint[], %(subjects)s::uuid[]) AS s (place, subject)
    JOIN lianyun.financing_word w ON w.subject = s.subject
    JOIN lianyun.body b ON b.no = w.no
    UNION
    SELECT t.place, n.id FROM told t CROSS JOIN LATERAL (
        SELECT w.event FROM lianyun.withdrawal w WHERE w.target = t.id
        UNION ALL
        SELECT b.id FROM lianyun.mention m JOIN lianyun.body b ON b.no = m.no WHERE m.object = t.id
    ) AS n (id)
)
SELECT DISTINCT t.place, c.no FROM told t CROSS JOIN LATERAL (
    SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
    UNION ALL
    SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
) AS c
ORDER BY t.place, c.no

-- name: words_read
-- The events that are found under subjects, with all that withdraws them at any depth and all contents under their ids.
WITH RECURSIVE told (id) AS (
    SELECT b.id FROM lianyun.financing_word w JOIN lianyun.body b ON b.no = w.no
    WHERE w.subject = ANY (%(subjects)s::uuid[])
    UNION
    SELECT n.id FROM told t CROSS JOIN LATERAL (
        SELECT w.event FROM lianyun.withdrawal w WHERE w.target = t.id
        UNION ALL
        SELECT b.id FROM lianyun.mention m JOIN lianyun.body b ON b.no = m.no WHERE m.object = t.id
    ) AS n (id)
), numbers (no) AS (
    SELECT DISTINCT c.no FROM told t CROSS JOIN LATERAL (
        SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
        UNION ALL
        SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
    ) AS c
)
SELECT b.no, b.id, b.content, t.name, b.part, b."offset", b.appended, b.registry, b.rules, b.key_id, b.headers,
       b.payload, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = b.no)
FROM numbers n
JOIN lianyun.body b ON b.no = n.no
JOIN lianyun.topic t ON t.no = b.topic
ORDER BY b.no
