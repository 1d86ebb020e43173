INSERT INTO lianyun.platform_event (kind, detail)
SELECT 'WEBHOOK_DISABLED', jsonb_build_object('subscription', id, 'party', party, 'url', url, 'reason', reason)
FROM lianyun.webhook_subscription WHERE id = %(id)s
