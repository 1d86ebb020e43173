"""Identifiers of the field, one module per scheme, each with ``parse(text)`` to a frozen value.

A value has ``text`` (normalised), its parts, and ``check``: OK, WRONG or NONE. Only a wrong form raises
MalformedIdentifier; a wrong check digit is a quality flag (``quality.flags``), because real data is full of them.
"""

from schemas.identifiers.check_digit import CheckDigit, Identifier
from schemas.identifiers.form import MalformedIdentifier

__all__ = ["CheckDigit", "Identifier", "MalformedIdentifier"]
