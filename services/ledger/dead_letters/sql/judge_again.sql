UPDATE lianyun.dead_letter
SET reason = %(reason)s, detail = %(detail)s, pointer = %(pointer)s, remedy = %(remedy)s,
    event = coalesce(%(event)s::uuid, event)
WHERE digest = %(digest)s
