"""The border board: the trains due, queued and handed over at each crossing, and what blocks which of their boxes."""
