WITH untold AS (
    DELETE FROM lianyun.webhook_delivery WHERE message = ANY (%(ids)s::text[]) RETURNING subscription, seal
), gone AS (
    DELETE FROM lianyun.webhook_message WHERE id = ANY (%(ids)s::text[]) RETURNING at, seal
), tally AS (
    UPDATE lianyun.webhook_tally AS t SET rows = t.rows - n.rows
    FROM (
        SELECT g.name, count(*) AS rows FROM (
            SELECT 'messages of day ' || at / 86400000000 AS name, seal FROM gone
            UNION ALL
            SELECT 'deliveries to ' || subscription, seal FROM untold
        ) AS g WHERE g.seal IS NOT NULL GROUP BY g.name
    ) AS n WHERE t.name = n.name
)
SELECT at FROM gone
