"""What `lianyun doctor` looks at: the machine, the broker, the database, and the workers between them."""
