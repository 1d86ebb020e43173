SELECT whole_at FROM lianyun.credit_cursor
