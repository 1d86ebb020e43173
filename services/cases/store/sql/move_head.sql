UPDATE lianyun.case_head
SET opened = %(opened)s, last = %(last)s, at = %(at)s, closed = %(closed)s, owner_party = %(owner_party)s,
    owner_desk = %(owner_desk)s, snoozed_until = %(snoozed_until)s, reason = %(reason)s
WHERE case_id = %(case_id)s
