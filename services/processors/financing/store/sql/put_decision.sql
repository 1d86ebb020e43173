INSERT INTO lianyun.financing_decision
    (number, position, before, at, action, outcome, asked_by, idempotency, asked, request, financing, application,
     applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, rules, headers, payload)
VALUES
    (%(number)s, %(position)s, %(before)s, %(at)s, %(action)s, %(outcome)s, %(asked_by)s, %(idempotency)s, %(asked)s,
     %(request)s, %(financing)s, %(application)s, %(applicant)s, %(product)s, %(interest)s, %(amount)s, %(currency)s,
     %(until)s, %(frees)s, %(notices)s, %(guard)s, %(satisfied_by)s, %(rules)s, %(headers)s, %(payload)s)
