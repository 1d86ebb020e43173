UPDATE lianyun.financing_entry SET freed = %(number)s
WHERE financing = ANY (%(financings)s::uuid[]) AND freed IS NULL
