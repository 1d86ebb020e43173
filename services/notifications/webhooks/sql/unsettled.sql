SELECT (SELECT p.id FROM lianyun.pending p ORDER BY p.id DESC LIMIT 1)
