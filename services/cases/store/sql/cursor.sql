SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no, as_of FROM lianyun.case_cursor
