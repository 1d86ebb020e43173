SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events, missing,
       surplus
FROM lianyun.case_cause WHERE cons = ANY (%(ids)s::uuid[])
