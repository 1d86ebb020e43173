"""Asking witnesses for cosignatures: all at once, over kept connections, until the quorum of a policy has answered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import httpx

from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed, decimal
from services.transparency.domain.keys import VerifierKey
from services.transparency.domain.note import BadSignature, Note, Signature
from services.transparency.domain.policy import NOBODY, Policy
from services.transparency.domain.witnessing import AddCheckpoint

log = logging.getLogger(__name__)
Prove = Callable[[int], Sequence[bytes]]
"""The proof from a tree of so many entries to the checkpoint in question; IndexError where there is no such tree. For any thread."""
TRIES: Final = 3


class Contradicted(Exception):
    """A witness has cosigned of this log what it does not continue: a larger tree, or another history. Evidence is in the text."""


class NotCosigned(Exception):
    """A witness did not answer, or not with its cosignature."""


@dataclass(slots=True)
class _Witness:
    """One witness: the size that it is known to hold, and the request under way."""

    name: str
    key: VerifierKey
    url: str
    held: int = 0
    busy: Future[Signature] | None = field(default=None, repr=False)


class Witnesses:
    """The witnesses of a policy that have an address; for one thread. A slow one delays nobody: it has one request at a time."""

    def __init__(self, policy: Policy, timeout: float = 5.0) -> None:
        self._policy = policy
        self._witnesses = [
            _Witness(name, key, policy.urls[key].rstrip("/"))
            for name, key in policy.witnesses.items()
            if key in policy.urls
        ]
        self._client = httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False)
        self._pool = ThreadPoolExecutor(max(1, len(self._witnesses)), "witness")

    def close(self) -> None:
        """End the connections; requests under way are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def cosigned(self, note: Note, prove: Prove, within: float) -> Note | None:
        """The checkpoint with the cosignatures that came within so many seconds; None where they are no quorum.

        Returns once the quorum is met. Raises Contradicted where a witness holds what this checkpoint does not continue.
        """
        if self._policy.quorum == NOBODY:
            return note
        deadline, found = monotonic() + within, dict[str, Signature]()
        signed = {(each.name, each.key_id) for each in note.signatures}
        # A policy may ask for the log's own ML-DSA-44 signature as for that of a witness.
        own = {name for name, key in self._policy.witnesses.items() if (key.name, key.id) in signed}
        if self._policy.witnessed(self._policy.quorum, own):
            return note
        pending: dict[Future[Signature], _Witness] = {}
        for witness in self._witnesses:
            if witness.busy is None or witness.busy.done():
                witness.busy = self._pool.submit(self._ask, witness, note, prove)
                pending[witness.busy] = witness
        while pending:
            done, _ = wait(pending, max(0.0, deadline - monotonic()), FIRST_COMPLETED)
            if not done:
                break
            for each in done:
                witness = pending.pop(each)
                try:
                    found[witness.name] = each.result()
                except NotCosigned as fault:
                    log.warning(
                        "no cosignature of %s: %s", witness.name, fault, extra={"action": "not_cosigned"}
                    )
            if self._policy.witnessed(self._policy.quorum, own | found.keys()):
                return Note(note.text, (*note.signatures, *(found[name] for name in sorted(found))))
        return None

    def _ask(self, witness: _Witness, note: Note, prove: Prove) -> Signature:
        """The cosignature of one witness; NotCosigned, Contradicted."""
        size = Checkpoint.parse(note.text).size
        for _ in range(TRIES):
            if witness.held > size:
                raise NotCosigned(f"it holds {witness.held} entries, of a later checkpoint")
            body = str(AddCheckpoint.of(witness.held, prove(witness.held), note)).encode()
            try:
                answer = self._client.post(f"{witness.url}/add-checkpoint", content=body)
            except httpx.HTTPError as fault:
                raise NotCosigned(f"it did not answer ({type(fault).__name__})") from None
            if answer.status_code == httpx.codes.CONFLICT:
                witness.held = self._held(witness, answer.text, size)
                continue
            if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                raise Contradicted(
                    f"{witness.name} has cosigned another history of the first {witness.held} entries; compare its last"
                    f" checkpoint with {note.text.splitlines()[1:3]}"
                )
            if answer.status_code != httpx.codes.OK:
                raise NotCosigned(f"it answered {answer.status_code}: {answer.text[:200].strip()}")
            signature = self._signature(witness, note, answer.text)
            witness.held = size
            return signature
        raise NotCosigned("it holds another size each time that it is asked")

    @staticmethod
    def _held(witness: _Witness, text: str, size: int) -> int:
        try:
            held = decimal(text.removesuffix("\n"), "the size that it holds")
        except Malformed as fault:
            raise NotCosigned(str(fault)) from None
        if held > size and witness.held == 0:
            raise Contradicted(
                f"{witness.name} has cosigned {held} entries of this log, which has {size}: it was set back, or is another one"
            )
        return held

    @staticmethod
    def _signature(witness: _Witness, note: Note, text: str) -> Signature:
        try:
            lines = [Signature.parse(line) for line in text.splitlines()]
            own = [each for each in lines if (each.name, each.key_id) == (witness.key.name, witness.key.id)]
            Note(note.text, tuple(own)).verified([witness.key])
        except (Malformed, BadSignature) as fault:
            raise NotCosigned(f"its cosignature does not verify: {fault}") from None
        return own[0]
