SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
       surplus
FROM lianyun.case_cause WHERE case_id = ANY (%(ids)s::uuid[])
