"""The rules of credit signals. Pure: facts in, values out; no clock, no randomness, no float."""
