-- deploy: before
-- A log may be signed by further keys beside its own: ML-DSA-44, or the next key while both sign. Changed by a command only.
ALTER TABLE lianyun.transparency_head
    ADD COLUMN beside text NOT NULL DEFAULT '',  -- verifier keys that sign every checkpoint too, a line each
    ADD COLUMN until  bigint;                    -- the announced end of the key that is replaced, UTC microseconds; null: no key is being replaced
