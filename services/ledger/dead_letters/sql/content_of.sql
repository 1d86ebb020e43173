SELECT uuid_send(content) FROM lianyun.identity WHERE id = %(event)s
