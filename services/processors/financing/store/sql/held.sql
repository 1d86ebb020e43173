-- What the statement before it in this transaction has locked (lianyun.financing_hold_all).
SELECT current_setting('lianyun.consignments')::uuid[] AS consignments, current_setting('lianyun.involved')::uuid[] AS involved,
       current_setting('lianyun.subjects')::uuid[] AS subjects
