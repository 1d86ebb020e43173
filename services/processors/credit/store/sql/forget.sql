WITH o AS (DELETE FROM lianyun.credit_observation), c AS (DELETE FROM lianyun.credit_count),
     a AS (DELETE FROM lianyun.credit_about), g AS (DELETE FROM lianyun.credit_again)
UPDATE lianyun.credit_cursor SET version = %(version)s, xid = '0', no = 0
