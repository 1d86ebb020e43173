SELECT nextval('lianyun.financing_number')
