-- Causes only: the steps are decisions and are never taken again. Every case is compared with its cause once all was followed.
WITH c AS (DELETE FROM lianyun.case_cause), d AS (DELETE FROM lianyun.case_due), a AS (DELETE FROM lianyun.case_again),
     t AS (INSERT INTO lianyun.case_touched SELECT case_id FROM lianyun.case_head ON CONFLICT DO NOTHING)
UPDATE lianyun.case_cursor
SET version = %(version)s, xid = '0', no = 0, aside_xid = '0', aside_no = 0, decided_xid = '0', decided_no = 0,
    as_of = 0, whole_at = NULL
