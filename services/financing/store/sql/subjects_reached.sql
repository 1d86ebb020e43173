-- The financings that were ever reserved, and their applications: 16 bytes of SHA-256 under the name of their kind.
SELECT substr(encode(sha256('\x66696e616e63696e6700'::bytea || convert_to(r.financing, 'UTF8')), 'hex'), 1, 32)::uuid
FROM reached r WHERE r.action = 'RESERVE' AND r.outcome = 'DONE'
UNION
SELECT substr(encode(sha256('\x6170706c69636174696f6e00'::bytea || convert_to(r.application, 'UTF8')), 'hex'), 1, 32)::uuid
FROM reached r WHERE r.action = 'RESERVE' AND r.outcome = 'DONE'
