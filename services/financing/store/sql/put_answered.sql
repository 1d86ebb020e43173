UPDATE lianyun.financing_asked SET answered = %(number)s, fault = NULL, again = NULL WHERE no = %(no)s
