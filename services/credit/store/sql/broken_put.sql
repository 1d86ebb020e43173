INSERT INTO lianyun.credit_broken (kind, name, fault)
SELECT * FROM unnest(%(kinds)s::text[], %(names)s::text[], %(faults)s::text[])
ON CONFLICT (kind, name) DO UPDATE SET fault = excluded.fault
