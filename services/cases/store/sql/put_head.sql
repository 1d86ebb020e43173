-- A case as its steps and causes have it. What it is about stays as it was opened; when it is due follows its cause.
INSERT INTO lianyun.case_head
    (case_id, kind, what, about_kind, about, jurisdiction, place, occurrence, crossing, since, due, opened, last, at, closed,
     owner_party, owner_desk, snoozed_until, reason, stands)
VALUES
    (%(case_id)s, %(kind)s, %(what)s, %(about_kind)s, %(about)s, %(jurisdiction)s, %(place)s, %(occurrence)s, %(crossing)s,
     %(since)s, %(due)s, %(opened)s, %(last)s, %(at)s, %(closed)s, %(owner_party)s, %(owner_desk)s, %(snoozed_until)s,
     %(reason)s, %(stands)s)
