"""Credit signals of shippers: what events say of a shipper's own conduct, as counts, rates and published points.

Pure but for ``store/``: facts in, values out; no clock, no randomness, no float. Signals, not verdicts: a bank may re-weigh.
"""
