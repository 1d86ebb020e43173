-- Who took a step for its team: a person signed in by an issuer, under its pseudonym (lianyun.person). Null: an operator by the command
-- line, or a rule.
ALTER TABLE lianyun.case_step ADD COLUMN by_issuer text, ADD COLUMN by_person uuid;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_pages') THEN
        GRANT SELECT, UPDATE ON lianyun.case_head TO lianyun_pages;
        GRANT SELECT ON lianyun.case_cause, lianyun.case_cursor TO lianyun_pages;
        GRANT SELECT, INSERT ON lianyun.case_step TO lianyun_pages;
        GRANT USAGE ON lianyun.case_number TO lianyun_pages;
    END IF;
END
$$;
