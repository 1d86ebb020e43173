"""Events posted over HTTP: what a partner signed goes to Kafka as it came, and its publisher learns what became of it.

Nothing is signed or serialised anew here, and nothing is accepted: the form is taken apart, source and signature are verified,
the very bytes that the signature covers are forwarded, and the answer is given when the broker has them.
"""
