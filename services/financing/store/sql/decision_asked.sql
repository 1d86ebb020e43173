-- The decision that the asker already has: under its name of the request, or of the same signed event.
SELECT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver
FROM lianyun.financing_decision d
WHERE (d.asked_by = %(asked_by)s AND d.idempotency = %(idempotency)s)
   OR (%(request)s::uuid IS NOT NULL AND d.request = %(request)s::uuid)
ORDER BY d.number
LIMIT 1
