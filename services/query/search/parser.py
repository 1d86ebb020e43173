"""What a typed or pasted text may name: identifiers as they are, as they look, damaged by one character, and beginnings of names.

Pure. A text may hold several identifiers, with blanks, hyphens and line breaks in them, in full-width characters or with letters of
other scripts. Numbers with a check digit are also looked for as they would be without one slip: the check digit says which
candidates can be meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from schemas.identifiers import CheckDigit, MalformedIdentifier, iso6346, mrn, wagon
from schemas.identifiers.confusables import confusables, skeleton
from schemas.identifiers.form import Form
from services.domain.objects import Thing
from services.query.identifiers import candidates

MOST_CHARACTERS = 2_000
"""Of a longer text the rest is left out."""
MOST_WORDS = 60
MOST_JOINED = 6
"""An identifier is written in so many groups at most (``21 81 2471 217-3``)."""
LEAST_BEGINNING = 4
"""Characters without which a beginning names too much: what is shorter is a whole name."""
_LEAST_NAME = 2
MOST_BEGINNINGS = 60
MOST_CANDIDATES = 400
_LONGEST_NAME = 128
_LONGEST_BEGINNING = 64
_FREE_WORDS = 3
"""In a longer text a word without a digit is prose."""


_AFTER_ALL = "\U0010ffff"


class Certainty(StrEnum):
    """How sure it is that an object was meant."""

    CERTAIN = "CERTAIN"
    LIKELY = "LIKELY"
    POSSIBLE = "POSSIBLE"


class Match(StrEnum):
    """How a text leads to an object, the surest first."""

    EXACT = "EXACT"
    LOOK_ALIKE = "LOOK_ALIKE"
    CHECK_DIGIT_MISSING = "CHECK_DIGIT_MISSING"
    BEGINS = "BEGINS"
    ONE_CHARACTER = "ONE_CHARACTER"

    @property
    def rank(self) -> int:
        """0 is the surest."""
        return list(Match).index(self)

    @property
    def certainty(self) -> Certainty:
        """How sure that is: what is written is certain, what is read otherwise is likely, what is guessed is possible."""
        if self is Match.EXACT:
            return Certainty.CERTAIN
        return Certainty.POSSIBLE if self in (Match.BEGINS, Match.ONE_CHARACTER) else Certainty.LIKELY


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that the words ``typed`` may name."""

    thing: Thing
    match: Match
    typed: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """The words ``typed`` as the name of an object, or the beginning of one: ``folded`` as ``confusables.skeleton`` spells it."""

    folded: str
    typed: str

    @property
    def last(self) -> str:
        """The last spelling, in the order of code points, that is looked at: what is short begins nothing."""
        return self.folded if len(self.folded) < LEAST_BEGINNING else f"{self.folded}{_AFTER_ALL}"


@dataclass(frozen=True, slots=True)
class ParsedSearch:
    """What to look for: ``candidates`` by object, each by its surest match, the surest first; ``beginnings`` of names.

    ``whole`` is false where the text was longer than what is read of it.
    """

    candidates: tuple[Candidate, ...]
    beginnings: tuple[Beginning, ...]
    whole: bool


def parse(text: str) -> ParsedSearch:
    """Read ``text``, of any form and length; nothing is refused."""
    words = _words(text[:MOST_CHARACTERS])
    whole = len(text) <= MOST_CHARACTERS and len(words) <= MOST_WORDS
    words = words[:MOST_WORDS]
    found: dict[Thing, Candidate] = {}
    begun: dict[str, Beginning] = {}
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + MOST_JOINED) + 1):
            group = words[start:end]
            for candidate in _candidates(group):
                known = found.get(candidate.thing)
                if known is None or candidate.match.rank < known.match.rank:
                    found[candidate.thing] = candidate
            if len(begun) < MOST_BEGINNINGS and (begin := _beginning(group, len(words))) is not None:
                begun.setdefault(begin.folded, begin)
    ordered = sorted(found.values(), key=lambda each: each.match.rank)
    return ParsedSearch(
        tuple(ordered[:MOST_CANDIDATES]), tuple(begun.values()), whole and len(ordered) <= MOST_CANDIDATES
    )


_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_APART = re.compile(r"[\s,;|\"'<>()\[\]{}\u3001\u3002\u00ab\u00bb\u201c\u201d\u201e]+")
_ENDS = "-./:#"
"""What stands before or behind an identifier and is no part of it."""


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES)
    shown = "".join(each for each in plain if unicodedata.category(each) != "Cf")
    return [word for each in _APART.split(shown) if (word := each.strip(_ENDS))]


def _beginning(group: list[str], words: int) -> Beginning | None:
    folded = skeleton("".join(group))
    if not _LEAST_NAME <= len(folded) <= _LONGEST_BEGINNING:
        return None
    # A word of prose begins many names; what is looked for in a longer text has a digit in each of its groups but the first.
    prose = words > _FREE_WORDS and not all(any(map(str.isdigit, word)) for word in group[1:] or group)
    return None if prose else Beginning(folded, " ".join(group))


def _candidates(group: list[str]) -> Iterator[Candidate]:
    typed = " ".join(group)
    joined = "".join(group)
    latin = _latin(joined)
    exact = Match.EXACT if latin == joined else Match.LOOK_ALIKE
    if len(latin) <= _LONGEST_NAME:
        yield from (Candidate(thing, exact, typed) for thing in candidates(latin))
    if (
        len(group) > 1 and "/" in typed and len(typed) <= _LONGEST_NAME
    ):  # a party's own reference may have blanks
        yield from (Candidate(thing, exact, typed) for thing in candidates(_latin(typed)))
    yield from (Candidate(thing, exact, typed) for thing in _train(group))
    plain = _SEPARATORS.sub("", latin.upper())
    if len(group) == 1:  # lines that a field joined
        yield from (
            Candidate(Thing(ObjectKind.CONTAINER, each), exact, typed) for each in _GLUED.findall(plain)
        )
    for scheme in _SCHEMES:
        yield from (Candidate(thing, match, typed) for thing, match in scheme.read(plain, exact))


_SEPARATORS = re.compile(r"[-./_]")
_GLUED = re.compile(r"(?<![A-Z])[A-Z]{3}[UJZ][0-9]{7}(?=[A-Z]|$)")


def _latin(text: str) -> str:
    """``text`` with letters of other scripts as the Latin letters and digits that they look like."""
    if text.isascii():
        return text
    table = confusables()
    return "".join(
        each if each.isascii() else table.get(ord(each.upper()[0]), str(unicodedata.decimal(each, each)))
        for each in text
    )


@dataclass(frozen=True, slots=True)
class _Scheme:
    """Numbers of a fixed length: ``prefix`` and the number are the key of an object of ``kind``.

    ``checked``: the last column is a check digit, and ``form`` has a parser that judges it.
    """

    form: Form
    kind: ObjectKind
    prefix: str = ""

    def read(self, text: str, exact: Match) -> Iterator[tuple[Thing, Match]]:
        """The objects that ``text`` (upper case, without separators) may name by this scheme."""
        length = len(self.form.columns)
        if abs(len(text) - length) > 1:
            return
        if len(text) == length:
            for spelled in _spellings(text, self.form.columns):
                match = exact if spelled == text else Match.LOOK_ALIKE
                yield self._thing(spelled), match
        if not any(map(str.isdigit, text)):
            return
        if len(text) == length - 1:
            for spelled in _spellings(text, self.form.columns[:-1]):
                for digit in "0123456789":
                    if self._sound(spelled + digit):
                        yield self._thing(spelled + digit), Match.CHECK_DIGIT_MISSING
        for meant in one_slip(text, self.form.columns):
            if self._sound(meant):
                yield self._thing(meant), Match.ONE_CHARACTER

    def _thing(self, number: str) -> Thing:
        prefix = f"{number[2:4]}/" if self.kind is ObjectKind.DECLARATION else self.prefix
        return Thing(self.kind, canonical_key(self.kind, prefix + number))

    def _sound(self, number: str) -> bool:
        try:
            return _PARSERS[self.kind](self.prefix + number) is CheckDigit.OK
        except MalformedIdentifier:
            return False


_PARSERS = {
    ObjectKind.CONTAINER: lambda text: iso6346.parse(text).check,
    ObjectKind.WAGON: lambda text: wagon.parse(text).check,
    ObjectKind.DECLARATION: lambda text: mrn.parse(text).check,
}
_SCHEMES = (
    _Scheme(iso6346.FORM, ObjectKind.CONTAINER),
    _Scheme(wagon.BROAD, ObjectKind.WAGON, "1520/"),
    _Scheme(wagon.UIC, ObjectKind.WAGON, "UIC/"),
    _Scheme(mrn.FORM, ObjectKind.DECLARATION),
)
_AS_LETTERS: Mapping[str, str] = {"0": "O", "1": "IL"}
_AS_DIGITS: Mapping[str, str] = {"O": "0", "I": "1", "L": "1"}


def _spellings(text: str, columns: tuple[str, ...]) -> Iterable[str]:
    """``text`` in characters that fit ``columns``, as itself or as what looks alike; none where one fits in no way."""
    found = [""]
    for character, column in zip(text, columns, strict=True):
        fits = [
            each
            for each in (character, *_AS_LETTERS.get(character, ""), *_AS_DIGITS.get(character, ""))
            if _fits(each, column)
        ]
        if not fits or len(found) > 4:
            return []
        found = [begun + each for begun in found for each in fits[: 1 if fits[0] == character else None]]
    return found


def one_slip(text: str, columns: tuple[str, ...]) -> Iterator[str]:
    """What fits ``columns`` and becomes ``text`` by one slip, each once or more.

    A slip: one character wrong, left out or too many, or two neighbours swapped.
    """
    length = len(columns)
    if len(text) == length:
        amiss = [at for at, column in enumerate(columns) if not _fits(text[at], column)]
        for at, column in enumerate(columns):
            if not amiss or amiss == [at]:
                yield from (
                    text[:at] + each + text[at + 1 :] for each in _characters(column) if each != text[at]
                )
        for at in range(length - 1):
            swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
            if swapped != text and _fit(swapped, columns):
                yield swapped
    elif len(text) == length - 1:
        for at, column in enumerate(columns):
            if _fit(text[:at], columns[:at]) and _fit(text[at:], columns[at + 1 :]):
                yield from (text[:at] + each + text[at:] for each in _characters(column))
    elif len(text) == length + 1:
        shorter = (text[:at] + text[at + 1 :] for at in range(length + 1))
        yield from (each for each in shorter if _fit(each, columns))


_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@cache
def _characters(column: str) -> str:
    """The characters of a column of a form."""
    return "".join(each for each in _ALPHABET if re.fullmatch(column, each, re.ASCII))


def _fit(text: str, columns: tuple[str, ...]) -> bool:
    return all(_fits(each, column) for each, column in zip(text, columns, strict=True))


def _fits(character: str, column: str) -> bool:
    return character in _characters(column)


_DATES = (
    re.compile(r"(?P<year>[0-9]{4})[-./]?(?P<month>[0-9]{2})[-./]?(?P<day>[0-9]{2})", re.ASCII),
    re.compile(r"(?P<day>[0-9]{1,2})[-./](?P<month>[0-9]{1,2})[-./](?P<year>[0-9]{4})", re.ASCII),
)


def _train(group: list[str]) -> Iterator[Thing]:
    """The train that a company, a number and a date name, in this order: without its origin, as some railways name it."""
    if len(group) != 3 or (day := _day(group[2])) is None:
        return
    company, number = group[:2]
    if company.isascii() and company.isalnum() and any(map(str.isdigit, number)) and "/" not in number:
        yield Thing(ObjectKind.TRAIN, canonical_key(ObjectKind.TRAIN, f"{company}/{number}/{day}"))


def _day(text: str) -> date | None:
    for form in _DATES:
        if (found := form.fullmatch(text)) is not None:
            try:
                return date(int(found["year"]), int(found["month"]), int(found["day"]))
            except ValueError:
                return None
    return None
