SELECT version, xid::text, no FROM lianyun.credit_cursor FOR UPDATE
