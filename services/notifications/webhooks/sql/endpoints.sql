SELECT s.id, s.party, s.url, s.state, s.reason, s.failing_since,
       coalesce(d.waiting, 0), d.oldest, coalesce(d.dead, 0)
FROM lianyun.webhook_subscription s
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE w.state = 'WAITING') AS waiting,
           min(w.due) FILTER (WHERE w.state = 'WAITING' AND s.state = 'ENABLED') AS oldest,
           count(*) FILTER (WHERE w.state = 'DEAD') AS dead
    FROM lianyun.webhook_delivery w WHERE w.subscription = s.id AND w.state <> 'DELIVERED'
) AS d ON true
WHERE s.state <> 'REMOVED'
ORDER BY s.party, s.id
