"""Cases: trouble that somebody has to look at, opened by rule from what partners published, owned by one desk at a time.

The rules and the life cycle here are pure; ``store`` follows the events and keeps the steps.
"""
