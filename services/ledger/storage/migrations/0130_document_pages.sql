-- deploy: before
-- The pages hand out receipts of transfers of documents: they prove an entry of the log by its tiles.

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT ON lianyun.transparency_tile TO lianyun_pages;
    END IF;
END
$$;
