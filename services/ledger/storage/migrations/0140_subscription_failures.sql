-- How many messages to the address of a subscription came back since it was asked for, or resumed.
ALTER TABLE lianyun.subscription ADD COLUMN failures integer NOT NULL DEFAULT 0;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT UPDATE (failures) ON lianyun.subscription TO lianyun_pages;
    END IF;
END
$$;
