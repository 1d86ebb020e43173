"""Events posted over HTTP: what a request brings is verified and published, and its caller learns what became of each.

Source and signature are verified before anything is published, and the answer is given when the broker has it.
"""
