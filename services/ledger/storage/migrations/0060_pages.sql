-- Whoever shows pages reads what reports may read and what relations to a consignment rest on (consents of shippers), and writes lines of
-- the access log.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT INSERT ON lianyun.access_log, lianyun.access_log_sealed TO lianyun_pages;
        GRANT SELECT, INSERT, UPDATE ON lianyun.access_stream TO lianyun_pages;
        GRANT SELECT ON lianyun.credit_observation, lianyun.credit_count, lianyun.credit_about, lianyun.credit_again
            TO lianyun_pages;
    END IF;
END
$$;
