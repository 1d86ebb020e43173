SELECT whole_at FROM lianyun.case_cursor
