SELECT xid::text, no FROM lianyun.webhook_cursor WHERE source = %(source)s FOR UPDATE
