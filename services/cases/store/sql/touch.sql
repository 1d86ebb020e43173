INSERT INTO lianyun.case_touched SELECT n.id FROM unnest(%(ids)s::uuid[]) AS n (id) ON CONFLICT DO NOTHING
