UPDATE lianyun.webhook_delivery AS d SET seal = r.seal
FROM (
    SELECT ctid, lianyun.webhook_delivery_seal(subscription, message, state, attempts, due, last_attempt, status, detail, same) AS seal
    FROM lianyun.webhook_delivery WHERE seal IS NOT NULL
) AS r
WHERE d.ctid = r.ctid AND d.seal <> r.seal
