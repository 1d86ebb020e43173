SELECT DISTINCT consignment, key FROM lianyun.financing_cargo WHERE financing = ANY (%(financings)s::uuid[])
