INSERT INTO lianyun.case_step
    (number, case_id, before, kind, at, position, by_party, by_desk, to_party, to_desk, until, reason, text, since, evidence,
     headers, payload)
VALUES
    (%(number)s, %(case_id)s, %(before)s, %(kind)s, %(at)s, %(position)s, %(by_party)s, %(by_desk)s, %(to_party)s,
     %(to_desk)s, %(until)s, %(reason)s, %(text)s, %(since)s, %(evidence)s::uuid[], %(headers)s, %(payload)s)
