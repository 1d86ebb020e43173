SELECT value FROM lianyun.api_secret WHERE name = %(name)s
