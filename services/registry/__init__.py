"""Who may speak: parties with roles and territory, their keys with windows, and what a revocation undoes."""

from services.named_sql import Queries

statement = Queries(__file__)
