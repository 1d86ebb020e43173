-- What is put aside with a key becomes visible in an order too, so that whoever follows the events can follow that as well.
ALTER TABLE lianyun.quarantine ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX quarantine_xid ON lianyun.quarantine (xid, no);

-- Up to where the credit signals have followed it, and when they last had followed all that was visible.
ALTER TABLE lianyun.credit_cursor
    ADD COLUMN aside_xid xid8 NOT NULL DEFAULT '0',
    ADD COLUMN aside_no bigint NOT NULL DEFAULT 0,
    ADD COLUMN whole_at timestamptz;
