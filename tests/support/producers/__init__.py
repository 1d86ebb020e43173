"""Partners, their records and a small format of their own, for tests of publishing."""
