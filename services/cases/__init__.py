"""Cases: trouble that somebody has to look at, opened by rule from what partners published, owned by one team at a time."""
