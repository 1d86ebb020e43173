"""The audit of everything stored: recomputed from the bytes as published and compared (fsck), or rebuilt (replay)."""
