SELECT shipper, signal, day, trials, bad FROM lianyun.credit_count WHERE shipper = %(shipper)s
