UPDATE lianyun.financing_asked SET answered = %(number)s WHERE no = %(no)s
