"""Changes of the keys that sign a log: one more beside the log's own, and the end of one.

A key joins at once, and is announced under the log's own key; a key ends only when the witnesses cosign a checkpoint that it did not
sign. Either may be killed at any point and run again: the database says which keys sign, and a key that it does not name signs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from psycopg.errors import LockNotAvailable

from services.domain.facts import Micros
from services.ledger.storage.session import Session
from services.transparency.domain.announcement import Announcement
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.keys import LogSigner, SignatureType
from services.transparency.domain.note import BadSignature, Note, signed_note
from services.transparency.domain.policy import Policy
from services.transparency.key_file import add_key, drop_key, read_keys
from services.transparency.store import log
from services.transparency.witness.client import Witnesses

_PATIENCE: Final = 10.0
"""Seconds for the sequencer's step to end, and for the witnesses to answer."""


class Unchanged(Exception):
    """A key that does not join or end; the text says why. The log was not changed."""


def add(session: Session, path: Path, made: Mapping[str, Any], until: Micros | None) -> Note:
    """Let a further key sign from now on, and put it into the key file; its announcement, under the log's own key.

    ``until`` is the end of the log's own key, which the further one then replaces; None: it replaces none. Where a key of this kind
    joined already, nothing changes but the announcement is made anew. Commits. Unchanged, LogRefused, NoLog, OSError, ValueError.
    """
    with _head(session) as (head, now):
        if until is not None and until <= now:
            raise Unchanged("the end of the old key is in the past")
        held = read_keys(path)
        signers = head.signers(held)
        own = signers[0]
        kind = SignatureType.COSIGNATURE_MLDSA44 if until is None else SignatureType.ED25519
        joined = [each for each in signers[1:] if each.verifier.type is kind]
        # What an earlier run has put into the file without having come to the log.
        waiting = [each for each in held if each not in signers and each.verifier.type is kind]
        new = next(iter((*joined, *waiting)), None) or add_key(path, made)
        if not joined:
            keys = [*signers, new]
            note = signed_note(head.note.text, keys, now // log.SECOND)
            log.set_keys(session, [each.verifier for each in keys], until or head.until, note, None)
        elif until is not None:
            until = head.until
    announced = Announcement(new.verifier, None if until is None else until // log.SECOND)
    signers = [own, new] if isinstance(new, LogSigner) else [own]
    return signed_note(announced.text, signers, 0)


def end(session: Session, path: Path, key_id: str, policy: Policy | None, *, at_once: bool = False) -> None:
    """Let the key of this id (8 hexadecimal digits) sign no more, and take it out of the key file. Commits.

    First the witnesses of the policy have to cosign, by its quorum, the head that the other keys alone sign. Unchanged where they do not,
    where the announced time has not come (but ``at_once``), or where no Ed25519 key is left; LogRefused, NoLog, Contradicted, OSError, ValueError.
    """
    with _head(session) as (head, now):
        held = read_keys(path)
        signers = head.signers(held)
        left = [each for each in signers if each.verifier.id.hex() != key_id]
        ended = [each.verifier for each in held if each.verifier.id.hex() == key_id]
        if not ended:
            raise Unchanged(f"{path} holds no key {key_id}")
        if len(left) < len(signers):
            goes = next(each for each in signers if each not in left)
            announced = isinstance(goes, LogSigner) and head.until is not None and now < head.until
            if announced and not at_once:
                raise Unchanged("the time for which both keys were announced is not over")
            left.sort(key=lambda each: not isinstance(each, LogSigner))  # one of Ed25519 is the log's own
            if not isinstance(left[0], LogSigner):
                raise Unchanged("no Ed25519 key would be left: add the next one first")
            note = signed_note(head.note.text, left, now // log.SECOND)
            cosigned = _cosigned(session, head, note, policy)
            keys = [each.verifier for each in left]
            further = sum(each.type is SignatureType.ED25519 for each in keys) > 1
            log.set_keys(session, keys, head.until if further else None, note, cosigned)
    for key in ended:
        drop_key(path, key)


def _cosigned(session: Session, head: log.Head, note: Note, policy: Policy | None) -> Note | None:
    """The note with the cosignatures of the policy's quorum; None where nothing was ever cosigned and there is no policy."""
    if policy is None:
        if head.cosigned is not None:
            raise Unchanged("the witnesses have to cosign first: LIANYUN_TRANSPARENCY_POLICY names them")
        return None
    witnesses = Witnesses(policy)
    try:
        size = Checkpoint.parse(note.text).size
        cosigned = witnesses.cosigned(note, log.prover(session, size, threading.Lock()), _PATIENCE)
    finally:
        witnesses.close()
    if cosigned is None:
        raise Unchanged(
            "the witnesses that answered are no quorum: each has to know the keys that are left before this one ends"
        )
    try:
        policy.trusted(cosigned)
    except BadSignature as fault:
        raise Unchanged(f"the policy here does not trust the keys that are left: {fault}") from None
    return cosigned


@contextmanager
def _head(session: Session) -> Iterator[tuple[log.Head, Micros]]:
    """The head, locked for the block, and the time; the step of a sequencer is waited for. Unchanged where it does not end."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        with session.transaction():
            try:
                with session.transaction():
                    found = log.lock_head(session)
            except LockNotAvailable:
                if time.monotonic() > deadline:
                    raise Unchanged("the sequencer does not end its step: try again") from None
            else:
                yield found
                return
        time.sleep(0.1)
