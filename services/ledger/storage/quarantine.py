"""Quarantine of what a key signed, as the registry's commands take it."""

from __future__ import annotations

from services.ledger.storage.within import quarantine

__all__ = ["quarantine"]
