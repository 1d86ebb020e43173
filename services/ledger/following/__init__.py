"""Projections of the accepted events beside the workers: the order in which they read, what an event reaches, their steps."""
