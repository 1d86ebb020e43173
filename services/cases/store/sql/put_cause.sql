INSERT INTO lianyun.case_cause
    (cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
     surplus)
VALUES
    (%(cons)s, %(case_id)s, %(kind)s, %(what)s, %(about_kind)s, %(about)s, %(jurisdiction)s, %(scope)s, %(place)s,
     %(occurrence)s, %(since)s, %(due)s, %(events)s::uuid[], %(missing)s, %(surplus)s)
