"""Credit signals of shippers: what events say of a shipper's own conduct, as counts, rates and published points."""
