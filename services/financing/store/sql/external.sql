SELECT registry, finding, at FROM lianyun.financing_external WHERE financing = %(financing)s ORDER BY at
