SELECT no, id FROM lianyun.credit_record
WHERE reader = %(reader)s AND purpose = %(purpose)s AND shipper = %(shipper)s ORDER BY no DESC LIMIT 1
