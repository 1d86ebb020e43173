SELECT no, given, body, supersedes FROM lianyun.credit_record
WHERE reader = %(reader)s AND shipper = %(shipper)s ORDER BY no
