-- Where events are found by key stays: it only grows, and a reader must not miss a revocation while all is judged anew.
WITH o AS (DELETE FROM lianyun.credit_observation), c AS (DELETE FROM lianyun.credit_count),
     g AS (DELETE FROM lianyun.credit_again), b AS (DELETE FROM lianyun.credit_broken)
UPDATE lianyun.credit_cursor
SET version = %(version)s, xid = '0', no = 0, aside_xid = '0', aside_no = 0, decided_xid = '0', decided_no = 0,
    whole_at = NULL
