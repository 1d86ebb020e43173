"""What the tests of the store share: small worlds of facts, and writers over a real database to put them into."""
