"""What a partner runs: reads its records, signs them as events and publishes them through a durable spool."""
