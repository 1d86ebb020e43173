SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no FROM lianyun.credit_cursor
