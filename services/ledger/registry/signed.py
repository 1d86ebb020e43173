"""The registry as signed: a chain of statements that lead from a root key through two administrators to each change; pure.

A statement holds one change whole, its number, and the digest of the statement before, so that none can be left out, repeated or moved.
Its text is JSON in one form (sorted keys and lists, no white space); the signatures, made by ``schemas.signing``, cover a domain and exactly that
text. The first statement takes over the events that the registry has by then; it and each new set of administrators are
signed by the root, everything else by two administrators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from schemas.reasons import Refusal
from schemas.schemes import PublicKey, Scheme, reject_weak_key
from schemas.signature_header import parse_header
from schemas.signing import sign, verify
from schemas.signing_key import SigningKey
from services.ledger.registry.events import Event, KeyAdded, KeyRotated, Micros, RecordedEvent
from services.ledger.registry.fold import EMPTY, apply, fold
from services.ledger.registry.possession import require_proof
from services.ledger.registry.registry import Registry, RegistryError

DOMAIN: Final = b"lianyun-registry-statement-v1\n"
ADMINISTRATORS: Final = 2
"""How many of them sign a change."""
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]


class _Signed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicSigner(_Signed):
    """A public key that signs about the registry, under a name that is no person's."""

    name: Name
    scheme: Literal[Scheme.ED25519, Scheme.ECDSA_P256_SHA256]
    public_key: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}){32,65}$")]

    @property
    def public(self) -> PublicKey:
        """The key; ValueError where it is none, WeakKeyError."""
        found = PublicKey(self.scheme, bytes.fromhex(self.public_key))
        reject_weak_key(found)
        return found


Signers = Annotated[tuple[PublicSigner, ...], Field(min_length=1, max_length=32)]


class Root(_Signed):
    """The file that every process and every monitor is given: whose signatures appoint administrators, and how many of them."""

    format: Literal["lianyun-registry-root-v1"] = "lianyun-registry-root-v1"
    network: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    threshold: Annotated[int, Field(ge=1)]
    keys: Signers

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The root of a file; RegistryError where it is none."""
        try:
            found = cls.model_validate_json(raw)
            _distinct(found.keys)
        except (ValidationError, ValueError) as problem:
            raise RegistryError(f"This is no root of a registry: {problem}") from None
        if found.threshold > len(found.keys):
            raise RegistryError(f"The root asks for {found.threshold} of {len(found.keys)} keys.")
        return found


class Genesis(_Signed):
    """The registry of ``version`` is taken over: ``digest`` is over its events (``events_digest``). The first administrators."""

    kind: Literal["genesis"] = "genesis"
    version: Annotated[int, Field(ge=0)]
    digest: Digest
    administrators: Signers


class Administrators(_Signed):
    """From now on these are the administrators and nobody else: rotation and revocation are both this."""

    kind: Literal["administrators"] = "administrators"
    administrators: Signers


class Statement(_Signed):
    """What is signed: the ``number``-th change on a network, behind the statement of digest ``previous``, proposed ``at`` (UTC microseconds)."""

    network: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    number: Annotated[int, Field(ge=1)]
    previous: Digest
    at: Micros
    change: Annotated[Genesis | Administrators | Event, Field(discriminator="kind")]

    @property
    def text(self) -> str:
        """Its one form."""
        return orjson.dumps(
            _in_order(self.model_dump(mode="json", exclude_none=True)), option=orjson.OPT_SORT_KEYS
        ).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The statement of a text; RegistryError for every other form of it."""
        try:
            found = cls.model_validate_json(text)
        except ValidationError as problem:
            raise RegistryError(
                f"This is no statement on the registry: {problem.errors()[0]['msg']}"
            ) from None
        if found.text != text:
            raise RegistryError("The statement is not in its one form: sorted, and without white space.")
        return found

    @property
    def by_root(self) -> bool:
        """Whether the root signs it."""
        return isinstance(self.change, Genesis | Administrators)


class SignedStatement(NamedTuple):
    """The text of a statement as stored, and its signatures in the form of a signature header each."""

    text: str
    signatures: tuple[str, ...] = ()

    def entry(self, version: int) -> dict[str, Any]:
        """What the audit trail enters of it: the version of the registry after it, and text and signatures, of which it keeps the digests."""
        return {
            "version": version,
            "text": self.text.encode(),
            "signatures": " ".join(self.signatures).encode(),
        }

    def signed_by(self, key: SigningKey) -> SignedStatement:
        """The same with the signature of ``key``, once."""
        made = sign(key, DOMAIN + self.text.encode())
        return self._replace(signatures=tuple(dict.fromkeys((*self.signatures, made))))


TakeOver = Callable[[int], Sequence[RecordedEvent]]
"""Reads the stored events of versions 1 to n."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What the statements so far say, every one verified: the administrators, the registry, and the changes by version."""

    root: Root
    number: int = 0
    digest: str = ""
    administrators: tuple[PublicSigner, ...] = ()
    registry: Registry = EMPTY
    changes: tuple[RecordedEvent, ...] = ()

    def following(self, change: Genesis | Administrators | Event, at: int) -> Statement:
        """The next statement; RegistryError where the change is not allowed."""
        found = Statement(
            network=self.root.network, number=self.number + 1, previous=self.digest, at=at, change=change
        )
        if not isinstance(change, Genesis):
            self._after(Statement.parse(found.text), "nobody yet", lambda _version: ())
        return found

    def extended(self, signed: SignedStatement, take_over: TakeOver) -> Chain:
        """The chain with the next statement; RegistryError with what is wrong where it is not the next, not signed, or not allowed."""
        found = Statement.parse(signed.text)
        if found.network != self.root.network:
            raise RegistryError(
                f"The statement is for the network {found.network}, not for {self.root.network}."
            )
        if (found.number, found.previous) != (self.number + 1, self.digest):
            raise RegistryError(
                f"The statement is number {found.number} and does not follow number {self.number} as it stands.",
                "Propose the change anew, and have it signed again.",
            )
        return self._after(found, self._signers(found, signed), take_over)

    def _signers(self, found: Statement, signed: SignedStatement) -> str:
        allowed, needed, who = (
            (self.root.keys, self.root.threshold, "of the root")
            if found.by_root
            else (self.administrators, ADMINISTRATORS, "of administrators")
        )
        known = {each.public.key_id: each for each in allowed}
        names = set()
        for value in signed.signatures:
            try:
                header = parse_header(value.encode("ascii", "replace"))
                signer = known.get(header.key_id)
                if signer is not None:
                    verify(header, signer.public, DOMAIN + signed.text.encode())
                    names.add(signer.name)
            except Refusal as refusal:
                raise RegistryError(
                    f"A signature of statement {found.number} is not good: {refusal.detail}"
                ) from None
        if len(names) < needed:
            raise RegistryError(
                f"Statement {found.number} has {len(names)} signatures {who}, and needs {needed}.",
                "lianyun registry sign FILE --key KEY",
            )
        return ", ".join(sorted(names))

    def _after(self, found: Statement, by: str, take_over: TakeOver) -> Chain:
        change = found.change
        administrators, registry, changes = self.administrators, self.registry, self.changes
        if isinstance(change, Genesis) is not (found.number == 1):
            raise RegistryError("The first statement takes over the registry, and no other does.")
        if isinstance(change, Genesis):
            changes = tuple(take_over(change.version))
            if len(changes) != change.version or events_digest(changes) != change.digest:
                raise RegistryError(
                    f"The events up to version {change.version} are not those that the root took over."
                )
            registry = fold(each.event for each in changes)
        if isinstance(change, Genesis | Administrators):
            administrators = self._appointed(change.administrators)
        else:
            if isinstance(change, KeyAdded | KeyRotated):
                require_proof(change, registry)
                if change.key.proof is not None and change.key.proof.network != self.root.network:
                    raise RegistryError(
                        f"The proof of the key is for the network {change.key.proof.network}."
                    )
            registry = apply(registry, change)
            changes = (*changes, RecordedEvent(registry.version, found.at, by, change))
        digest = sha256(found.text.encode()).hexdigest()
        return Chain(self.root, found.number, digest, administrators, registry, changes)

    def _appointed(self, named: tuple[PublicSigner, ...]) -> tuple[PublicSigner, ...]:
        try:
            _distinct((*named, *self.root.keys))
        except ValueError as problem:
            raise RegistryError(f"These cannot be administrators: {problem}") from None
        if len(named) < ADMINISTRATORS:
            raise RegistryError(
                f"A change needs {ADMINISTRATORS} administrators; {len(named)} can sign none."
            )
        return named


def events_digest(changes: Iterable[RecordedEvent]) -> str:
    """SHA-256 in hex over the taken over events, without who registered them: each is chained to the one before."""
    digest = b""
    for each in changes:
        body = _in_order(each.event.model_dump(mode="json", exclude_none=True))
        digest = sha256(
            digest + orjson.dumps([each.version, each.at, body], option=orjson.OPT_SORT_KEYS)
        ).digest()
    return digest.hex()


def _distinct(signers: Sequence[PublicSigner]) -> None:
    if len({each.name for each in signers}) < len(signers) or len(
        {each.public.raw for each in signers}
    ) < len(signers):
        raise ValueError("a name or a key stands twice; the root's keys sign for the root only")


def _in_order(value: Any) -> Any:
    """``value`` with lists of words, which are sets, in order."""
    match value:
        case dict():
            return {name: _in_order(each) for name, each in value.items()}
        case list():
            found = [_in_order(each) for each in value]
            return sorted(found) if all(isinstance(each, str) for each in found) else found
        case _:
            return value
