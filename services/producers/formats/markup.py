"""XML of partners as plain nodes with XPath locations; no external resource is ever resolved.

Untrusted input: document types, entities, includes, undeclared encodings and files beyond the limits on size, depth,
elements and attributes are refused with location and remedy. Names are local names; namespaces and prefixes are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from lxml import etree

from schemas.reasons import Reason, Refusal
from services.producers.formats.text import decode

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_ELEMENTS = 200_000
MAX_ATTRIBUTES = 64
"""Of one element: reading them takes the square of their number, and no message has a quarter of so many."""
MAX_NAME = 128
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_new: Final = tuple.__new__
"""Makes a named tuple without the call of a Python function that its own constructor is; a message has thousands."""
_NAMES = 4_096
"""Names of elements that are remembered, several times those of all schemas that are read."""

REPEATED = frozenset({"TrainCompositionJourneySection"})
"""Elements that a message repeats and of which the first stands for the message."""

_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*(?:\[(?:[^\]\"']|\"[^\"]*\"|'[^']*')*\]?[^>]*)?>?")
"""A document type with what it declares: brackets and ends within quotes do not end it."""
_PROLOG = re.compile(r"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_DECLARATION = re.compile(r"^<\?xml\b[^>]*\?>")
_POSITION = re.compile(r", line [0-9]+, column [0-9]+.*", re.DOTALL)
_ROOT = re.compile(r"<(?:[^\s<>/:!?=]+:)?([^\s<>/:!?=]+)")


class _Step:
    """An element with children in a path, which is put together where it is shown, because many long ones would fill the memory."""

    __slots__ = ("_path", "above", "name", "number")

    def __init__(self, above: _Step | None, name: str, number: int) -> None:
        self.above, self.name, self.number = above, name, number
        self._path = ""

    @property
    def path(self) -> str:
        """The path from the root to here."""
        if not self._path:
            self._path = _path(self.above, self.name, self.number)
        return self._path


def _path(above: _Step | None, name: str, number: int) -> str:
    own = f"/{name}[{number}]" if number > 1 else f"/{name}"
    return own if above is None else above.path + own


class Node(NamedTuple):
    """One element: its name and attributes without namespace, its own text with blanks folded, and its children.

    ``path`` is XPath, numbered from the second of several brothers of one name on:
    ``/TrainCompositionMessage/TrainCompositionJourneySection/WagonData[2]``.
    """

    name: str
    above: _Step | None
    number: int
    text: str
    attributes: Mapping[str, str]
    children: tuple[Node, ...]
    by_name: Mapping[str, tuple[Node, ...]]

    @property
    def path(self) -> str:
        """The XPath of the element."""
        return _path(self.above, self.name, self.number)

    def all(self, name: str) -> tuple[Node, ...]:
        """The children of that name in order, whatever their case and joining (``UN_Number``, ``UNNumber``)."""
        return self.by_name.get(folded(name), ())

    def find(self, path: str) -> Node | None:
        """The node at ``path`` (names joined by slashes), None where there is none.

        Raises Refusal where several siblings of one name differ in content. Elements that a message may repeat are read by ``all``.
        """
        only = self.by_name.get(folded(path))
        if only is not None and len(only) == 1:
            return only[0]
        node: Node | None = self
        for name in _names(path):
            found = node.all(name) if node is not None else ()
            node = found[0] if found else None
            if len(found) < 2:
                continue
            other = next((each for each in found[1:] if not found[0].says_the_same(each)), None)
            if other is not None and name not in REPEATED:
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    f"The element {other.name} stands twice and says different things.",
                    other.path,
                    "Send it once.",
                )
        return node

    def says_the_same(self, other: Node) -> bool:
        """Whether both have the same text, attributes and children, wherever they stand."""
        return (
            (self.text, self.attributes) == (other.text, other.attributes)
            and len(self.children) == len(other.children)
            and all(
                a.name == b.name and a.says_the_same(b)
                for a, b in zip(self.children, other.children, strict=True)
            )
        )

    def value(self, path: str) -> str:
        """The text at ``path``, "" where there is no such element or it is empty."""
        found = self.find(path)
        return "" if found is None else found.text

    def require(self, path: str, remedy: str = "") -> Node:
        """The node at ``path`` with its text; raises Refusal at the path where it is missing or empty."""
        found = self.find(path)
        if found is None or not (found.text or found.children):
            what = "is empty" if found is not None else "is missing"
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"The element {path.rsplit('/', 1)[-1]} {what}.",
                f"{self.path}/{path}",
                remedy or "Send the message with this element.",
            )
        return found

    def with_children(self, children: Sequence[Node]) -> Node:
        """The same element with other children; each keeps the path of where it was read."""
        by_name: dict[str, list[Node]] = {}
        for child in children:
            by_name.setdefault(folded(child.name), []).append(child)
        return self._replace(
            children=tuple(children), by_name={name: tuple(nodes) for name, nodes in by_name.items()}
        )

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()


@lru_cache(_NAMES)
def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))


@lru_cache(_NAMES)
def folded(name: str) -> str:
    """The spelling by which names are compared: schema versions differ in case and in underscores."""
    return name.replace("_", "").replace("-", "").casefold()


def root_name(head: bytes) -> str:
    """The name of the first element in the first bytes of a file, "" where they are not XML; never raises."""
    try:
        text = decode(head[:8192], partial=True)
    except Refusal:
        text = head[:8192].decode("latin-1")  # only to be recognised: reading it will say what is wrong
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith("<"):
        return ""
    prolog = _PROLOG.match(start)
    rest = start[prolog.end() if prolog else 0 :]
    if rest.startswith("<!DOCTYPE"):
        rest = rest[_DOCTYPE.match(rest).end() :].lstrip()  # type: ignore[union-attr]  # it matches whatever begins so
    found = _ROOT.match(rest)
    return found[1] if found else ""


def read(raw: bytes, most_bytes: int = MAX_BYTES, most_elements: int = MAX_ELEMENTS) -> Node:
    """The root of the XML in ``raw``; raises Refusal (TOO_LARGE or UNREADABLE_FILE) with where and what to do."""
    if len(raw) > most_bytes:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has {len(raw)} bytes, more than {most_bytes}.",
            remedy="Send one message a file.",
        )
    text = decode(raw).strip("\ufeff \t\r\n")
    if not text:
        raise Refusal(Reason.UNREADABLE_FILE, "The file is empty.", remedy="Send the file again.")
    _require_harmless(text, most_elements)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        encoding="utf-8",
    )
    try:
        # The declaration has done its work: the text is decoded, and is given in the one encoding that is named above.
        root = etree.fromstring(_DECLARATION.sub("", text, count=1).encode(), parser)
    except etree.XMLSyntaxError as broken:
        line, column = broken.position if broken.position[0] else (1, 0)
        problem = _POSITION.sub("", str(broken.msg))[:160]
        cut = "" if text.endswith(">") and "Premature end" not in problem else " The file seems cut off."
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file is not well-formed XML: {problem}.{cut}",
            f"line {line}, column {column}",
            "Export the file again; do not edit it by hand.",
        ) from None
    return _node(root, _local(root.tag), None, 1, 1)


def _require_harmless(text: str, most_elements: int) -> None:
    prolog = _PROLOG.match(text)
    start = prolog.end() if prolog else 0
    if text.startswith("<!DOCTYPE", start) or "<!ENTITY" in text:
        line = text.count("\n", 0, start) + 1
        raise Refusal(
            Reason.UNREADABLE_FILE,
            "The file declares a document type or entities, which no message of this standard does.",
            f"line {line}",
            "Export the message without DOCTYPE; entities are never resolved here.",
        )
    if not text.startswith("<", start):
        raise Refusal(
            Reason.UNREADABLE_FILE, "The file is not XML.", "line 1", "Send the message as XML, not as text."
        )
    if text.count("</") + text.count("/>") > most_elements:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has more than {most_elements} elements.",
            remedy="Send one message a file.",
        )


def _node(element: etree._Element, name: str, above: _Step | None, depth: int, number: int) -> Node:
    keys = element.keys()
    if depth > MAX_DEPTH or len(name) > MAX_NAME or len(keys) > MAX_ATTRIBUTES:
        raise _beyond(_Step(above, name, number), depth, len(keys))
    attributes = (
        {_local(key): " ".join(_text(value).split()) for key, value in element.items()} if keys else _NONE
    )
    text = element.text
    if not len(element):
        return Node(name, above, number, " ".join(_text(text).split()) if text else "", attributes, (), _NONE)
    step = _Step(above, name, number)
    parts = [text] if text and not text.isspace() else []
    children = []
    by_name: dict[str, list[Node]] = {}
    seen: dict[str, int] = {}
    for child in element:
        tag = child.tag
        if not isinstance(tag, str):
            raise Refusal(
                Reason.UNREADABLE_FILE,
                "An entity stands where an element or text is expected.",
                step.path,
                "Write the text itself.",
            )
        local, key = _spelled(tag)
        ordinal = seen[local] = seen.get(local, 0) + 1
        if len(child) or depth == MAX_DEPTH or len(local) > MAX_NAME or child.keys():
            node = _node(child, local, step, depth + 1, ordinal)
        else:  # most elements are such: text alone
            text = child.text
            node = _new(
                Node, (local, step, ordinal, " ".join(_text(text).split()) if text else "", _NONE, (), _NONE)
            )
        children.append(node)
        by_name.setdefault(key, []).append(node)
        tail = child.tail
        if tail and not tail.isspace():
            parts.append(tail)
    return Node(
        name,
        above,
        number,
        " ".join(" ".join(map(_text, parts)).split()) if parts else "",
        attributes,
        tuple(children),
        {key: tuple(nodes) for key, nodes in by_name.items()},
    )


@lru_cache(_NAMES)
def _spelled(tag: str) -> tuple[str, str]:
    """The local name of a tag, and the spelling by which names are compared."""
    local = _local(tag)
    return local, folded(local)


def _beyond(step: _Step, depth: int, attributes: int) -> Refusal:
    beyond = (
        f"Elements nest deeper than {MAX_DEPTH}."
        if depth > MAX_DEPTH
        else f"The name of an element has {len(step.name)} characters, more than {MAX_NAME}."
        if len(step.name) > MAX_NAME
        else f"The element has {attributes} attributes, more than {MAX_ATTRIBUTES}."
    )
    return Refusal(
        Reason.UNREADABLE_FILE, beyond, step.path[:1_000], "No message of this standard is like that: export it again."
    )  # fmt: skip


@lru_cache(_NAMES)
def _local(tag: str | bytes) -> str:
    return _text(tag).rsplit("}", 1)[-1]


def _text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()
