"""Messages in XML: an element under construction, and its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree


class Element:
    """An element of one message; everything in it is in ``namespace`` ("" for none)."""

    def __init__(self, name: str, namespace: str, prefixes: Mapping[str | None, str], *, inside: str) -> None:
        bound: Any = dict(prefixes)  # the default namespace is None, which the stubs of lxml do not know
        self._inside = inside
        self.node = etree.Element(f"{{{namespace}}}{name}", nsmap=bound)
        self.node.append(etree.Comment(" simulated "))

    def add(self, name: str, text: str = "", **attributes: str) -> Element:
        """Append an element and return it."""
        tag = f"{{{self._inside}}}{name}" if self._inside else name
        child = etree.SubElement(self.node, tag, attributes)
        child.text = text or None
        wrapped = object.__new__(Element)
        wrapped.node, wrapped._inside = child, self._inside
        return wrapped

    def content(self) -> bytes:
        """The message as a file."""
        content: bytes = etree.tostring(self.node, encoding="UTF-8", xml_declaration=True, pretty_print=True)
        return content
