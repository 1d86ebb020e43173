SELECT request, status, headers, body FROM lianyun.api_answer WHERE party = %(party)s AND key = %(key)s
