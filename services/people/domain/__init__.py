"""What a person may do at a moment, computed on values."""
