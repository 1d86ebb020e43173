"""What every process has in common that follows the accepted events beside the workers: in which order, and whom they concern."""

from services.named_sql import Queries

statement = Queries(__file__)
