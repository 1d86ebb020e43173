"""The heart: consignment, links, claims, views. Pure, without I/O."""
