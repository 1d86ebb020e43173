SELECT w.event, w.target, w.replaces
FROM unnest(%(ids)s::uuid[]) AS t (id)
JOIN withdrawal w ON w.event = t.id
WHERE NOT EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = w.no)
