SELECT kind, name, fault FROM lianyun.credit_broken ORDER BY kind, name
