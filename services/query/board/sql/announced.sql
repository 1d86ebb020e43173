-- When each train is expected where: the plan or estimate of its arrival that was published last.
SELECT DISTINCT ON (c.object, c.place) c.object, c.place, c.happened
FROM lianyun.claim c
WHERE c.object = ANY (%(trains)s::uuid[]) AND c.milestone = %(arrived)s AND c.part = 0 AND NOT c.dead
ORDER BY c.object, c.place, c.published DESC, c.event_hi DESC, c.event_lo DESC
