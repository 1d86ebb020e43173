"""Messages written as trees of elements: in the order given, empty ones left out, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from lxml import etree

from services.trade.domain.values import Field


class Part(NamedTuple):
    """An element: its name, with the prefix of its namespace where that is not the document's, its text or children, its attributes."""

    name: str
    content: str | tuple[Part, ...]
    attributes: tuple[tuple[str, str], ...] = ()


class Unwritable(ValueError):
    """A value that a message cannot take: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def leaf(name: str, text: object, **attributes: str) -> Part | None:
    """An element with a text, of a field its value; None where there is none. An empty attribute is left out."""
    shown = text.value if isinstance(text, Field) else text
    return (
        None
        if shown is None or shown == ""
        else Part(name, str(shown), tuple((key, each) for key, each in attributes.items() if each))
    )


def branch(name: str, *parts: Part | None) -> Part | None:
    """An element with children; None where there is none."""
    children = tuple(part for part in parts if part is not None)
    return Part(name, children) if children else None


def always(name: str, *parts: Part | None) -> Part:
    """An element with children, also where there is none: its schema requires it."""
    return Part(name, tuple(part for part in parts if part is not None))


def document(root: Part, namespaces: Mapping[str, str], encoding: str = "UTF-8") -> bytes:
    """The document of ``root``; ``namespaces`` by prefix, "" for that of names without one. Raises Unwritable.

    The same tree gives the same bytes.
    """
    names: dict[str, str] = {prefix: f"{{{uri}}}" for prefix, uri in namespaces.items()}
    bound: Any = {prefix or None: uri for prefix, uri in namespaces.items()}

    def tag(name: str) -> str:
        prefix, _, local = name.rpartition(":")
        return names.get(prefix, "") + local

    def fill(element: etree._Element, part: Part) -> None:
        for name, each in part.attributes:
            element.set(name, each)
        if isinstance(part.content, str):
            try:
                element.text = part.content
            except ValueError:
                raise Unwritable(
                    f"{part.content[:40]!r} has a character that XML cannot hold",
                    "remove the control character",
                ) from None
            return
        for child in part.content:
            fill(etree.SubElement(element, tag(child.name)), child)

    top = etree.Element(tag(root.name), nsmap=bound)
    fill(top, root)
    return cast(bytes, etree.tostring(top, xml_declaration=True, encoding=encoding))


def parts_of(text: str, most: int, count: int | None = None) -> tuple[str, ...]:
    """``text`` in parts of at most ``most`` characters that end between words; raises Unwritable for a longer word or too many parts."""
    parts: list[str] = []
    for word in text.split():
        if len(word) > most:
            raise Unwritable(
                f"{word[:40]!r}... is a word of more than {most} characters", "part it by blanks"
            )
        if parts and len(parts[-1]) + 1 + len(word) <= most:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    if count is not None and len(parts) > count:
        raise Unwritable(f"{text[:40]!r}... has more than {most * count} characters", "shorten it")
    return tuple(parts)


def leaves(name: str, texts: Iterable[object]) -> tuple[Part | None, ...]:
    """One element of ``name`` for each text."""
    return tuple(leaf(name, text) for text in texts)
