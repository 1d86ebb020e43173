"""What partners say: one frozen model per event type, with who may say it and whose word is an authority's."""
