INSERT INTO lianyun.case_cursor (version) VALUES (%(version)s) ON CONFLICT (single) DO NOTHING
