"""One module per group of routes; ``services.api.app`` includes each."""
