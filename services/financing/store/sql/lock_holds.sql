SELECT h.financing FROM lianyun.financing_hold h WHERE h.financing = ANY (%(financings)s::uuid[]) ORDER BY h.financing FOR UPDATE
