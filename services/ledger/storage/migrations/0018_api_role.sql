-- Where the roles of a secured deployment exist: the API, and who delivers webhooks, read what reports may read and write
-- their own tables, each no others. A row can only be held by who may update one of its columns, so the API may update one that
-- decides nothing: of the registry's version the mark of its one row, of versions of fingerprints the moment of their opening, of
-- heads a count that is computed anew. To hold one of the first two as a table takes the right to add a row: of the registry's version
-- there can be one row only, and a version of fingerprints whose key nobody has stops decisions and changes none.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT, INSERT, DELETE ON lianyun.api_proof, lianyun.api_answer TO lianyun_api;
        GRANT UPDATE (given) ON lianyun.api_answer TO lianyun_api;
        GRANT UPDATE (expires) ON lianyun.api_proof TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.api_secret TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.access_log TO lianyun_api;
        GRANT INSERT ON lianyun.access_log_sealed TO lianyun_api;
        GRANT USAGE ON lianyun.financing_number TO lianyun_api;
        GRANT INSERT ON lianyun.financing_decision, lianyun.financing_touched, lianyun.financing_cargo,
            lianyun.financing_entry, lianyun.financing_hold, lianyun.financing_external, lianyun.financing_acknowledged
            TO lianyun_api;
        GRANT UPDATE ON lianyun.financing_entry, lianyun.financing_hold TO lianyun_api;
        GRANT UPDATE ON lianyun.financing_asked TO lianyun_api;
        GRANT UPDATE (since) ON lianyun.financing_version TO lianyun_api;
        GRANT UPDATE (one) ON lianyun.registry_version TO lianyun_api;
        GRANT INSERT ON lianyun.financing_version, lianyun.registry_version TO lianyun_api;
        GRANT SELECT ON lianyun.credit_observation, lianyun.credit_count, lianyun.credit_about, lianyun.credit_again
            TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.credit_record TO lianyun_api;
        GRANT SELECT, INSERT, UPDATE ON lianyun.webhook_subscription TO lianyun_api;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.webhook_secret, lianyun.webhook_delivery TO lianyun_api;
        GRANT SELECT, INSERT ON lianyun.webhook_message, lianyun.webhook_cursor TO lianyun_api;
        IF to_regclass('lianyun.head') IS NOT NULL THEN
            GRANT UPDATE (exceptions) ON lianyun.head TO lianyun_api;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_webhooks') THEN
        GRANT SELECT, UPDATE ON lianyun.webhook_subscription TO lianyun_webhooks;
        GRANT SELECT ON lianyun.webhook_secret TO lianyun_webhooks;
        GRANT SELECT, INSERT, UPDATE, DELETE ON lianyun.webhook_message, lianyun.webhook_delivery,
            lianyun.webhook_cursor, lianyun.webhook_again TO lianyun_webhooks;
        GRANT INSERT ON lianyun.platform_event TO lianyun_webhooks;
    END IF;
END
$$;
