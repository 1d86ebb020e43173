UPDATE lianyun.webhook_cursor SET xid = %(xid)s::text::xid8, no = %(no)s WHERE source = %(source)s
