SELECT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.headers, d.payload
FROM lianyun.financing_decision d
WHERE d.number > %(after)s
ORDER BY d.number
LIMIT %(limit)s
