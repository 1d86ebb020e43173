SELECT count(*) FILTER (WHERE d.state = 'WAITING' AND d.due < %(forever)s),
       min(d.due) FILTER (WHERE d.state = 'WAITING' AND d.due < %(forever)s),
       count(*) FILTER (WHERE d.state = 'DEAD')
FROM lianyun.webhook_delivery d
