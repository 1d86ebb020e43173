-- Kept as the owner's, but free for anybody.
UPDATE lianyun.worker_slot SET leased_until = '-infinity'
WHERE worker_group = %(group)s AND slot = %(slot)s AND holder = %(holder)s
