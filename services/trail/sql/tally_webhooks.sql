MERGE INTO lianyun.webhook_tally AS t
USING (
    SELECT 'messages of day ' || at / 86400000000 AS name, count(*) AS rows FROM lianyun.webhook_message WHERE seal IS NOT NULL GROUP BY 1
    UNION ALL
    SELECT 'deliveries to ' || subscription, count(*) FROM lianyun.webhook_delivery WHERE seal IS NOT NULL GROUP BY 1
) AS n ON n.name = t.name
WHEN MATCHED THEN UPDATE SET rows = n.rows
WHEN NOT MATCHED THEN INSERT VALUES (n.name, n.rows)
