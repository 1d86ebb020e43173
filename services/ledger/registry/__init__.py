"""Who may speak: parties with roles and territory, their keys with windows, and what a revocation undoes."""
