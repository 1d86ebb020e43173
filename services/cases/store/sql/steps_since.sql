SELECT number, case_id, before, kind, at, position, by_party, by_desk, to_party, to_desk, until, reason, text, since, evidence
FROM lianyun.case_step WHERE at >= %(since)s ORDER BY number
