UPDATE lianyun.worker_slot SET leased_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE worker_group = %(group)s AND slot = %(slot)s AND holder = %(holder)s
