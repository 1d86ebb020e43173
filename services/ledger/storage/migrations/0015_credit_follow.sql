-- What is put aside with a key becomes visible in an order too, so that whoever follows the events can follow that as well.
ALTER TABLE lianyun.quarantine ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX quarantine_xid ON lianyun.quarantine (xid, no);

-- Whose reservations stand at which bank: a refusal elsewhere speaks against an applicant only where it has one itself.
CREATE INDEX financing_decision_reserved ON lianyun.financing_decision (applicant, number)
    WHERE action = 'RESERVE';

-- Up to where the credit signals have followed that and the decisions on financing, and when they last had followed all that
-- was visible.
ALTER TABLE lianyun.credit_cursor
    ADD COLUMN aside_xid xid8 NOT NULL DEFAULT '0',
    ADD COLUMN aside_no bigint NOT NULL DEFAULT 0,
    ADD COLUMN decided_xid xid8 NOT NULL DEFAULT '0',
    ADD COLUMN decided_no bigint NOT NULL DEFAULT 0,
    ADD COLUMN whole_at timestamptz;

-- The follower's own role writes these tables and no others; whoever draws dashboards sees how far it is, nothing else.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'lianyun_credit') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE
            ON lianyun.credit_cursor, lianyun.credit_observation, lianyun.credit_count, lianyun.credit_about, lianyun.credit_again
            TO lianyun_credit;
    END IF;
END
$$;
