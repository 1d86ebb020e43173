"""The checks of `lianyun doctor`: machine, broker, database, and the workers between them."""
