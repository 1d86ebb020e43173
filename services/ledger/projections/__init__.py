"""Projections of the accepted events beside the workers: the order in which they read, what an event reaches, their steps."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
