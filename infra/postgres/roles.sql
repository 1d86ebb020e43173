-- The roles of the database: who owns and migrates, who writes events, who keeps credit signals, who keeps arrival times, who moves what was accepted into the transparency log, who opens and closes cases by rule,
-- who counts for the metrics, who answers callers, who shows pages, who tells parties of changes, who only reads, who draws dashboards. Run as superuser,
-- in the database lianyun, before it is migrated; may be repeated. Passwords are set apart, by set-passwords.sh.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'lianyun_owner', 'lianyun_worker', 'lianyun_credit', 'lianyun_arrival', 'lianyun_transparency', 'lianyun_cases', 'lianyun_exporter', 'lianyun_api', 'lianyun_pages', 'lianyun_webhooks',
        'lianyun_reader', 'lianyun_dashboards'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', wanted);
        END IF;
    END LOOP;
    EXECUTE format('ALTER DATABASE %I OWNER TO lianyun_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO lianyun_worker', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO lianyun_credit, lianyun_arrival, lianyun_transparency, lianyun_cases, lianyun_exporter, lianyun_api, lianyun_pages, lianyun_webhooks, lianyun_reader, '
        'lianyun_dashboards',
        current_database());
END
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Whatever the owner makes from now on, generations of the state among it.
ALTER DEFAULT PRIVILEGES FOR ROLE lianyun_owner GRANT USAGE ON SCHEMAS TO lianyun_worker, lianyun_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE lianyun_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO lianyun_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE lianyun_owner GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO lianyun_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE lianyun_owner GRANT SELECT ON TABLES TO lianyun_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE lianyun_owner GRANT SELECT ON SEQUENCES TO lianyun_reader;

-- These read what reports may read, and write the tables that a migration gives each of them.
GRANT lianyun_reader TO lianyun_credit, lianyun_arrival, lianyun_transparency, lianyun_cases, lianyun_api, lianyun_pages, lianyun_webhooks;

-- Who counts for the metrics reads the same, sees how long transactions of others take, and writes how far it is.
GRANT lianyun_reader, pg_read_all_stats TO lianyun_exporter;

-- Its own tables are given to it by a migration; here, where they were made before the role.
DO $$
BEGIN
    IF to_regclass('lianyun.exporter_cursor') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON lianyun.partner_accepted, lianyun.exporter_cursor TO lianyun_exporter;
    END IF;
END
$$;

DO $$
BEGIN
    IF to_regclass('lianyun.arrival_cursor') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.arrival_cursor, lianyun.arrival_leg, lianyun.arrival_count, lianyun.arrival_again,
            lianyun.arrival_broken TO lianyun_arrival;
    END IF;
    IF to_regclass('lianyun.statistics_publication') IS NOT NULL THEN
        GRANT SELECT, INSERT ON lianyun.statistics_publication, lianyun.statistics_figure TO lianyun_arrival;
    END IF;
    IF to_regclass('lianyun.arrival_habit') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON lianyun.arrival_habit TO lianyun_arrival;
    END IF;
END
$$;

-- A worker ends a session that holds its rows and makes no progress, also one of the owner's. Operators work as the owner: they see
-- what every session does, and may end it.
GRANT pg_signal_backend, pg_read_all_stats TO lianyun_worker, lianyun_owner;

ALTER ROLE lianyun_reader SET default_transaction_read_only = on;
ALTER ROLE lianyun_reader SET statement_timeout = '30s';
ALTER ROLE lianyun_reader SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE lianyun_reader CONNECTION LIMIT 20;

-- Who draws dashboards reads the views made for them and nothing else; here, where they were made before the role.
DO $$
DECLARE
    reads regprocedure;
BEGIN
    IF to_regnamespace('dashboard') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA dashboard TO lianyun_dashboards;
        GRANT SELECT ON ALL TABLES IN SCHEMA dashboard TO lianyun_dashboards;
        -- What the views call; a view's reader must be allowed to.
        FOR reads IN
            SELECT DISTINCT d.refobjid::regprocedure
            FROM pg_class c JOIN pg_rewrite w ON w.ev_class = c.oid
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
            WHERE c.relnamespace = 'dashboard'::regnamespace
        LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO lianyun_dashboards', reads);
        END LOOP;
    END IF;
END
$$;
ALTER ROLE lianyun_dashboards SET default_transaction_read_only = on;
ALTER ROLE lianyun_dashboards SET statement_timeout = '15s';
ALTER ROLE lianyun_dashboards SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE lianyun_dashboards CONNECTION LIMIT 10;
