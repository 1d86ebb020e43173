UPDATE lianyun.credit_cursor SET xid = %(xid)s::text::xid8, no = %(no)s
