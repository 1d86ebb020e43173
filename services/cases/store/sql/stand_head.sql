-- Whether there is cause for it; while there is, since when and until when somebody has to have acted.
UPDATE lianyun.case_head
SET stands = %(stands)s, since = coalesce(%(since)s::bigint, since), due = coalesce(%(due)s::bigint, due)
WHERE case_id = %(case_id)s
