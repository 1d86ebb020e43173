"""Messages that were not accepted: kept with their raw bytes, found, redriven unchanged, replaced or discarded."""
