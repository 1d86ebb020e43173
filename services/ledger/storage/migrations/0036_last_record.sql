-- The record before next_offset, by which the log is recognised: an offset within the log is no proof that it is the log that was read.
-- A release that knows these columns writes them with every advance. They count only where last_offset is next_offset - 1: an older
-- release moves the offset and leaves them, and then they are written anew with the first advance after the next claim.
ALTER TABLE lianyun.kafka_offset
    ADD COLUMN last_offset       bigint,
    ADD COLUMN last_digest       bytea,        -- 32 bytes: services/admission/raw.py, record_digest
    ADD COLUMN last_leader_epoch integer,      -- of the leader that appended it; null where it is not known
    ADD COLUMN stopped           text,         -- why it is not read on, until an operator decides: services/processors/log_moved.py
    ADD COLUMN stopped_detail    text,
    ADD COLUMN stopped_at        timestamptz;
