INSERT INTO lianyun.fence_log (owner, what) VALUES (%(owner)s, %(what)s)
