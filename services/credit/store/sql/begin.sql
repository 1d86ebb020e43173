INSERT INTO lianyun.credit_cursor (version) VALUES (%(version)s) ON CONFLICT (single) DO NOTHING
