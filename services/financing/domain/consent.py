"""Consent of a bank that another one takes its financing over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from schemas.events.finance import TakeoverConsented
from services.domain.facts import Micros
from services.financing.domain.lifecycle import end_of
from services.financing.domain.statements import Word, said


def consented(words: Iterable[Word], bank: str, at: Micros) -> frozenset[str]:
    """The financings that their banks agreed ``bank`` takes over, as far as the consent holds at ``at``."""
    return frozenset(
        consent.financing_key
        for word, consent in said(words, TakeoverConsented)
        if word.publisher == consent.financing_key.partition("/")[0]
        and consent.to_bank == bank
        and at < end_of(date.fromisoformat(consent.valid_to))
    )
