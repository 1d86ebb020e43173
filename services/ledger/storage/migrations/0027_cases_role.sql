-- Where the roles of a secured deployment exist: the follower of cases reads what reports may read and writes its own tables and no
-- others. It takes steps of cases and changes none, and takes no case away.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_cases') THEN
        GRANT SELECT, INSERT, UPDATE ON lianyun.case_cursor, lianyun.case_head TO lianyun_cases;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.case_due, lianyun.case_again TO lianyun_cases;
        GRANT SELECT, INSERT, DELETE ON lianyun.case_cause, lianyun.case_touched TO lianyun_cases;
        GRANT SELECT, INSERT ON lianyun.case_step TO lianyun_cases;
        GRANT USAGE ON lianyun.case_number TO lianyun_cases;
    END IF;
END
$$;
