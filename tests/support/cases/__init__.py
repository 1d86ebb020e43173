"""What the tests of cases share: a platform that signs, a clock that a test sets, and stories told into a database."""
