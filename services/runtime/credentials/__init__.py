"""What a secured deployment keeps secret: a certificate authority of its own, certificates and passwords, as files."""
