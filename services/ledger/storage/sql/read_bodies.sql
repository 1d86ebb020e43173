SELECT b.no, b.id, b.content, t.name, b.part, b."offset", b.appended, b.registry, b.rules, b.key_id, b.headers,
       b.payload, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = b.no)
FROM unnest(%(nos)s::bigint[]) AS n (no)
JOIN lianyun.body b ON b.no = n.no
JOIN lianyun.topic t ON t.no = b.topic
ORDER BY b.no
