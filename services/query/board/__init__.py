"""The border board: which trains come to each crossing, stand there and were handed over, and what keeps which box.

One place for everybody who shows it: the terminal, a dashboard, a page.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
