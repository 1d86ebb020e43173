"""The form of an identifier, and the remedy for text in another form."""

from __future__ import annotations

import re
from dataclasses import dataclass

LETTER, DIGIT, ALNUM = "[A-Z]", "[0-9]", "[0-9A-Z]"
_SHOWN = 40  # characters of the text in a message


class MalformedIdentifier(ValueError):
    """Text that is not of an identifier's form: what is wrong, where, and what to do about it.

    A wrong check digit is no reason for it: that is a quality flag of a well-formed identifier.
    """

    def __init__(self, scheme: str, text: str, problem: str, where: str, remedy: str) -> None:
        self.scheme, self.text, self.problem, self.where, self.remedy = scheme, text, problem, where, remedy
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
        super().__init__(f"{scheme}: {problem} in {shown!r}, at {where}; {remedy}")


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one scheme; ``pattern`` has to match the whole text, once separators are gone."""

    scheme: str
    pattern: re.Pattern[str]
    shape: str  # in words, for the one who has to give it
    columns: tuple[str, ...] = ()  # the class of characters at each position, where the length is fixed
    separators: str = " -./"  # put in for reading by people, dropped before matching

    def parts(self, text: str) -> tuple[str, ...]:
        """The groups of ``pattern`` in ``text``, in upper case and without separators; raises MalformedIdentifier."""
        plain = self.plain(text)
        found = self.pattern.fullmatch(plain)
        if found is None:
            raise self._mismatch(text, plain)
        return found.groups(default="")

    def plain(self, text: str) -> str:
        """``text`` in upper case without separators; raises MalformedIdentifier for what is not ASCII.

        That is asked first, because upper() makes an I of a dotless i, and \\d and int() take full-width digits.
        """
        text = text.replace("\u00a0", " ")
        if not text.isascii():
            at = next(index for index, character in enumerate(text) if not character.isascii())
            problem = f"character {text[at]!r} (U+{ord(text[at]):04X})"
            remedy = "write it in ASCII, not in full-width or national characters"
            raise self.malformed(text, problem, f"position {at + 1}", remedy)
        return text.strip().upper().translate(str.maketrans("", "", self.separators))

    def malformed(self, text: str, problem: str, where: str, remedy: str = "") -> MalformedIdentifier:
        """The error about ``text``; without a remedy it asks for the shape."""
        return MalformedIdentifier(self.scheme, text, problem, where, remedy or f"give {self.shape}")

    def _mismatch(self, text: str, plain: str) -> MalformedIdentifier:
        if not plain:
            return self.malformed(text, "nothing", "its beginning")
        if not self.columns:
            return self.malformed(text, "another form", "the whole text")
        if len(plain) != len(self.columns):
            return self.malformed(
                text, f"{len(plain)} characters instead of {len(self.columns)}", "its length"
            )
        at = next(n for n, column in enumerate(self.columns) if re.fullmatch(column, plain[n]) is None)
        return self.malformed(text, f"{plain[at]!r} out of place", f"position {at + 1} without separators")


def fixed(scheme: str, shape: str, *groups: tuple[str, int], separators: str = " -./") -> Form:
    """A form of fixed length, made of groups of so many characters of one class each."""
    pattern = "".join(f"({characters}{{{count}}})" for characters, count in groups)
    columns = tuple(characters for characters, count in groups for _ in range(count))
    return Form(scheme, re.compile(pattern, re.ASCII), shape, columns, separators)
