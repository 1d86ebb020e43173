"""The check of everything stored, recomputed from the bytes as published: what is damaged, where, and how to mend it."""
