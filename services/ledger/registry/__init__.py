"""Who may speak: parties with roles and territory, their keys with windows, and what a revocation undoes."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
