"""Financing of cargo: what may be lent on, who holds which interest in it, and what a lender has to know.

The modules of this package are pure: everything they judge, the time included, comes as a value. ``store`` keeps it.
"""
