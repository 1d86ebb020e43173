-- deploy: before
-- What receipts show beside statements: the entries of two registers as they joined the transparency log.

CREATE VIEW lianyun.receipt_register AS
SELECT t.register, t.no, t.key, t.change FROM lianyun.audit_trail t WHERE t.register IN ('registry_event', 'credit_record');

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_reader') THEN
        REVOKE ALL ON lianyun.receipt_register FROM lianyun_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_api') THEN
        GRANT SELECT ON lianyun.receipt_register, lianyun.transparency_head, lianyun.transparency_entry, lianyun.transparency_tile
            TO lianyun_api;
    END IF;
END
$$;
