SELECT nextval('lianyun.case_number')
