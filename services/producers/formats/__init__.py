"""Partners' own file formats, one module each: bytes in, per record an event's content or why it is none."""
