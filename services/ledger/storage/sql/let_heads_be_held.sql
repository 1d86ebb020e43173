-- The API holds the heads of what it decides on; to hold a row it must be allowed to update a column of it (migration 0018).
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT UPDATE (exceptions) ON lianyun.head TO lianyun_api;
    END IF;
END
$$
