SELECT pg_advisory_lock_shared(%(class)s::integer, %(level)s::integer)
