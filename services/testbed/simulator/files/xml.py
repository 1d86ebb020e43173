"""Messages in XML: an element under construction, and its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree


class Element:
    """An element of a message; elements are appended to it in the namespace ``inside`` ("" for none)."""

    def __init__(self, node: etree._Element, inside: str) -> None:
        self.node, self._inside = node, inside

    def add(self, name: str, text: str = "") -> Element:
        """Append an element and return it."""
        child = etree.SubElement(self.node, f"{{{self._inside}}}{name}" if self._inside else name)
        child.text = text or None
        return Element(child, self._inside)

    def content(self) -> bytes:
        """The message as a file."""
        content: bytes = etree.tostring(self.node, encoding="UTF-8", xml_declaration=True, pretty_print=True)
        return content


def message(name: str, namespace: str, prefixes: Mapping[str | None, str], *, inside: str) -> Element:
    """The root of a message, in ``namespace``; what stands in it is ``inside`` another one."""
    bound: Any = dict(prefixes)  # the default namespace is None, which the stubs of lxml do not know
    root = etree.Element(f"{{{namespace}}}{name}", nsmap=bound)
    root.append(etree.Comment(" simulated "))
    return Element(root, inside)
