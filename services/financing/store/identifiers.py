"""Ids of financings, applications, notes and requests: digests of names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

from schemas.events.base import ObjectKind, Payload
from schemas.events.finance import Applied, Approved
from schemas.events.finance_security import ControlEnded, ControlRecorded
from schemas.events.finance_terms import OfApplication, OfFinancing
from services.domain.objects import object_id


@lru_cache(maxsize=8_192)
def financing_id(name: str) -> bytes:
    """The 16-byte id of a financing ``bank/reference``."""
    return hashlib.sha256(b"financing\0" + name.encode()).digest()[:16]


@lru_cache(maxsize=8_192)
def application_id(name: str) -> bytes:
    """The 16-byte id of an application ``applicant/reference``."""
    return hashlib.sha256(b"application\0" + name.encode()).digest()[:16]


def note_id(key: str) -> bytes:
    """The 16-byte id of a consignment note, as of any other object."""
    return object_id(ObjectKind.NOTE, key)


def subjects(publisher: str, payload: Payload) -> Iterator[bytes]:
    """The subject ids under which an event of ``publisher`` is indexed, beside the objects of its claims."""
    match payload:
        case Applied():
            yield application_id(f"{publisher}/{payload.reference}")
        case Approved():
            yield financing_id(payload.financing_key)
            yield application_id(payload.application_key)
        case OfFinancing():
            yield financing_id(payload.financing_key)
        case OfApplication():
            yield application_id(payload.application_key)
        case ControlRecorded() | ControlEnded():
            yield note_id(payload.note_key)
        case _:
            return
