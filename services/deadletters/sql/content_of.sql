SELECT content FROM lianyun.identity WHERE id = %(event)s
