-- Returns the numbers of the secrets.
WITH untold AS (
    DELETE FROM lianyun.webhook_delivery WHERE subscription = %(id)s RETURNING seal
), tally AS (
    UPDATE lianyun.webhook_tally SET rows = rows - (SELECT count(seal) FROM untold) WHERE name = 'deliveries to ' || %(id)s
)
DELETE FROM lianyun.webhook_secret WHERE subscription = %(id)s RETURNING no
