SELECT q.no FROM lianyun.quarantine q WHERE q.no = ANY (%(nos)s::bigint[])
