INSERT INTO lianyun.webhook_tally AS t
SELECT 'messages of day ' || at / 86400000000, count(*) FROM lianyun.webhook_message WHERE seal IS NOT NULL GROUP BY 1
UNION ALL
SELECT 'deliveries to ' || subscription, count(*) FROM lianyun.webhook_delivery WHERE seal IS NOT NULL GROUP BY 1
ON CONFLICT (name) DO UPDATE SET rows = excluded.rows
