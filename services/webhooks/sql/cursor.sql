SELECT xid::text, no, salt FROM lianyun.webhook_cursor WHERE source = %(source)s FOR UPDATE
