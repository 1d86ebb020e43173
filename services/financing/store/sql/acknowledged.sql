SELECT alert, at, client, remark FROM lianyun.financing_acknowledged WHERE financing = %(financing)s AND at <= %(known_at)s
