SELECT h.case_id, h.kind, h.what, h.about_kind, h.about, h.jurisdiction, h.place, h.occurrence, h.crossing, h.since, h.due,
       h.opened, h.last, h.at, h.closed, h.owner_party, h.owner_desk, h.snoozed_until, h.reason, h.stands
FROM lianyun.case_head h
WHERE (%(cases)s::uuid[] IS NULL OR h.case_id = ANY (%(cases)s::uuid[]))
  AND (%(all)s OR NOT h.closed OR h.at >= %(since)s)
  AND (%(crossing)s::text IS NULL OR h.crossing = %(crossing)s)
  AND (%(kind)s::text IS NULL OR h.kind = %(kind)s)
  AND (%(party)s::text IS NULL OR (h.owner_party, h.owner_desk) = (%(party)s, %(desk)s))
  AND (NOT %(unowned)s OR h.owner_party IS NULL AND NOT h.closed)
ORDER BY h.closed, h.due, h.case_id
LIMIT %(limit)s
