"""The rules of financing. Pure: everything they depend on, the time included, comes as a value."""
