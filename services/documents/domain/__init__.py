"""Documents as values, their legal bases, their cross-verification, and the chain of their transfers: pure."""
