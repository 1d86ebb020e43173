SELECT number, case_id, before, kind, at, position, by_party, by_desk, to_party, to_desk, until, reason, text, since, evidence
FROM lianyun.case_step WHERE case_id = ANY (%(ids)s::uuid[]) ORDER BY case_id, number
