-- ``whole``: nothing further was visible, so what stands is what was said by now.
UPDATE lianyun.credit_cursor
SET xid = %(xid)s::text::xid8, no = %(no)s, aside_xid = %(aside_xid)s::text::xid8, aside_no = %(aside_no)s,
    decided_xid = %(decided_xid)s::text::xid8, decided_no = %(decided_no)s,
    whole_at = CASE WHEN %(whole)s THEN now() ELSE whole_at END
