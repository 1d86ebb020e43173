"""The rules of trade data. Pure: papers and tables in, findings out; no clock, no randomness, no float."""
