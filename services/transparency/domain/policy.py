"""Policies: which logs are trusted, and which witnesses have to have cosigned a checkpoint (C2SP tlog-policy)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed, decimal
from services.transparency.domain.keys import COSIGNATURES, OF_LOGS, SignatureType, VerifierKey
from services.transparency.domain.note import BadSignature, Note

NOBODY: Final = "none"


class Group(NamedTuple):
    """Members (witnesses or groups) of which ``threshold`` have to have witnessed a checkpoint."""

    threshold: int
    members: tuple[str, ...]


class Trusted(NamedTuple):
    """A checkpoint that a policy accepts, and the witnesses that cosigned it with their POSIX times, by name in the policy."""

    checkpoint: Checkpoint
    witnesses: Mapping[str, int]

    @property
    def since(self) -> int:
        """The earliest time that a witness states; 0 without witnesses. By then the checkpoint was public."""
        return min(self.witnesses.values(), default=0)


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs and witnesses by their keys, groups by name, and the quorum: a witness, a group, or ``none``."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str
    urls: Mapping[VerifierKey, str]

    @classmethod
    def parse(cls, raw: bytes) -> Policy:
        """The policy of a file; Malformed with the number of the line where it is none."""
        if any((each < 0x20 and each not in (0x09, 0x0A)) or each == 0x7F for each in raw):
            raise Malformed("a policy holds no control character but tab and newline")
        read = _Reading()
        # Names are opaque bytes: what is no UTF-8 stays distinct.
        for number, line in enumerate(raw.decode("utf-8", "surrogateescape").split("\n"), 1):
            words = line.replace("\t", " ").split(" ")
            words = [word for word in words if word]
            if words and not words[0].startswith("#"):
                try:
                    read.line(words)
                except Malformed as fault:
                    raise Malformed(f"line {number} of the policy: {fault}") from None
        if read.quorum is None:
            raise Malformed("the policy has no quorum line; 'quorum none' asks for no cosignature")
        return cls(tuple(read.logs), read.witnesses, read.groups, read.quorum, read.urls)

    def witnessed(self, name: str, cosigned: Collection[str]) -> bool:
        """Whether a witness or group has witnessed a checkpoint that the named witnesses cosigned."""
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self.witnessed(member, cosigned) for member in group.members) >= group.threshold

    def lines_of(self, note: Note) -> Note:
        """The note with the signatures of keys that the policy names and no other; as it is where it names none of them."""
        known = {(key.name, key.id) for key in (*self.logs, *self.witnesses.values())}
        named = tuple(each for each in note.signatures if (each.name, each.key_id) in known)
        return Note(note.text, named or note.signatures)

    def log_signed(self, note: Note) -> Checkpoint:
        """The checkpoint of a note that a trusted log signed, whoever cosigned it; BadSignature, Malformed."""
        return self._logged(note)[0]

    def trusted(self, note: Note) -> Trusted:
        """The checkpoint of a note that a trusted log signed and the quorum cosigned.

        BadSignature where either is missing or a known key did not make its signature; Malformed where the note is no checkpoint.
        """
        checkpoint, found = self._logged(note)
        cosigned = {name: found[key] for name, key in self.witnesses.items() if key in found}
        if self.quorum != NOBODY and not self.witnessed(self.quorum, cosigned):
            raise BadSignature(
                f"the quorum {self.quorum} is not met: cosigned by {', '.join(sorted(cosigned)) or 'nobody'}"
            )
        return Trusted(checkpoint, cosigned)

    def _logged(self, note: Note) -> tuple[Checkpoint, dict[VerifierKey, int]]:
        checkpoint = Checkpoint.parse(note.text)
        found = {each.key: each.time for each in note.verified((*self.logs, *self.witnesses.values()))}
        if not any(log in found and log.name == checkpoint.origin for log in self.logs):
            raise BadSignature(f"no trusted log signed the checkpoint of {checkpoint.origin}")
        return checkpoint, found


class _Reading:
    """What the lines of a policy have defined so far."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.urls: dict[VerifierKey, str] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def line(self, words: list[str]) -> None:
        """Take one line; Malformed where it defines nothing or against what stands before."""
        match words:
            case ["log", key, *url] if len(url) <= 1:
                found = self._key(key, OF_LOGS, self.logs, url)
                self.logs.append(found)
            case ["witness", name, key, *url] if len(url) <= 1:
                self._new(name)
                self.witnesses[name] = self._key(key, COSIGNATURES, self.witnesses.values(), url)
            case ["group", name, threshold, *members] if members:
                self._new(name)
                self._group(name, threshold, members)
            case ["quorum", name]:
                if self.quorum is not None:
                    raise Malformed("a second quorum")
                if name != NOBODY:
                    self._defined(name)
                self.quorum = name
            case _:
                raise Malformed(f"{words[0]!r} with {len(words) - 1} words behind it is no line of a policy")

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            self._defined(member)
            if member in self._members:
                raise Malformed(f"{member} is already a member of a group")
            self._members.add(member)
        named = {"any": 1, "all": len(members)}
        count = named[threshold] if threshold in named else decimal(threshold, "the threshold")
        if not 1 <= count <= len(members):
            raise Malformed(f"the threshold is 1 to {len(members)}, the number of members")
        self.groups[name] = Group(count, tuple(members))

    def _key(
        self, text: str, types: Collection[SignatureType], known: Collection[VerifierKey], url: list[str]
    ) -> VerifierKey:
        key = VerifierKey.parse(text)
        if key.type not in types:
            raise Malformed(f"the key of {key.name} does not sign as this line needs")
        if any(key.raw == other.raw for other in known):
            raise Malformed(f"the key of {key.name} is listed twice")
        if url:
            self.urls[key] = url[0]
        return key

    def _new(self, name: str) -> None:
        if name == NOBODY or name in self.witnesses or name in self.groups:
            raise Malformed(f"the name {name} is taken")

    def _defined(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise Malformed(f"{name} is not defined on a line before")
