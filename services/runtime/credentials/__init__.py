"""The secrets of a secured deployment, as files: its certificate authority, certificates and passwords."""
