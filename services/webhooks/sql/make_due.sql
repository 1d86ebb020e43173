UPDATE lianyun.webhook_delivery SET due = %(due)s WHERE subscription = %(id)s AND state = 'WAITING'
