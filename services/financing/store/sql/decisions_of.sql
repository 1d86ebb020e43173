SELECT DISTINCT d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver
FROM lianyun.financing_touched t JOIN lianyun.financing_decision d ON d.number = t.number
WHERE t.financing = ANY (%(financings)s::uuid[])
ORDER BY d.number
