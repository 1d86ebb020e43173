"""What operators are woken for, and what the platform promises: typed tables, and the rules of Prometheus made from them."""
