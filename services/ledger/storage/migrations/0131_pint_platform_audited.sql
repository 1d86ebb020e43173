-- deploy: before
-- Changes of the directory of other platforms are entered in the audit trail; what is in it is entered anew by `lianyun exchange platforms --add`.
INSERT INTO lianyun.audit_head (register, entries, digest) VALUES ('pint_platform', 0, '') ON CONFLICT DO NOTHING;
