UPDATE lianyun.financing_version SET open = false WHERE number = %(number)s AND open RETURNING number
