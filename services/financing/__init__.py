"""Financing of cargo: what may be lent on, who holds which interest in it, and what a lender has to know."""
