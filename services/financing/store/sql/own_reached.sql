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
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver
FROM own o
JOIN lianyun.financing_touched t ON t.financing = o.financing
JOIN lianyun.financing_decision d ON d.number = t.number
ORDER BY d.number
