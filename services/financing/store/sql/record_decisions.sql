-- Decisions, which financings each of them changed, and how many this session has recorded.
WITH decision AS (
    INSERT INTO lianyun.financing_decision
        (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
         applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, shares, waiver, headers,
         payload, stream)
    SELECT d.number, d.position, d.before, d.at, d.action, d.outcome, d.asked_by, d.idempotency, d.asked, d.request,
           d.financing, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees::text[],
           d.notices::text[], d.guard, d.satisfied_by, d.rules, d.shares::text[], d.waiver, d.headers, d.payload,
           pg_backend_pid()
    FROM unnest(
        %(numbers)s::bigint[], %(positions)s::bigint[], %(befores)s::bigint[], %(ats)s::bigint[], %(actions)s::text[],
        %(outcomes)s::text[], %(asked_bys)s::text[], %(idempotencies)s::text[], %(askeds)s::uuid[], %(requests)s::uuid[],
        %(financings)s::text[], %(applications)s::text[], %(applicants)s::text[], %(products)s::text[],
        %(interests)s::text[], %(amounts)s::bigint[], %(currencies)s::text[], %(untils)s::bigint[], %(frees)s::text[],
        %(notices)s::text[], %(guards)s::text[], %(satisfied_bys)s::text[], %(rules)s::text[], %(shares)s::text[],
        %(waivers)s::text[], %(headers)s::bytea[],
        %(payloads)s::bytea[]
    ) AS d (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
            applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, shares,
            waiver, headers, payload)
    RETURNING number, stream
), tally AS (
    INSERT INTO lianyun.financing_tally AS t (stream, decisions, numbers)
    SELECT d.stream, count(*), sum(d.number)::bigint FROM decision d GROUP BY d.stream
    ON CONFLICT (stream) DO UPDATE SET decisions = t.decisions + excluded.decisions, numbers = t.numbers + excluded.numbers
)
INSERT INTO lianyun.financing_touched (financing, number)
SELECT t.id, t.number FROM unnest(%(touched)s::uuid[], %(touched_by)s::bigint[]) AS t (id, number)
