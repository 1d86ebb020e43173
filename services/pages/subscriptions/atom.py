"""A feed as Atom (RFC 4287), in pages from the newest notice to the oldest (RFC 5005, 3). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

from services.pages.localization import Localization
from services.pages.subscriptions.mail import one_line
from services.pages.subscriptions.store import Notice, Subscription
from services.pages.subscriptions.wording import headline, sentence

MEDIA_TYPE = "application/atom+xml; charset=utf-8"
PAGE = 20
_ATOM = "http://www.w3.org/2005/Atom"


def atom(
    found: Subscription,
    notices: Sequence[Notice],
    l10n: Localization,
    *,
    address: str,
    before: int | None,
    page: str,
) -> bytes:
    """A page of the feed at ``address``: ``notices``, the newest first, before that number (None: the first page).

    ``page`` is the address of the consignment's page, "" for none. Where PAGE notices were found there may be older ones.
    """
    root = Element("feed", {"xmlns": _ATOM, "xml:lang": l10n.tag})
    SubElement(root, "id").text = UUID(found.id).urn
    SubElement(root, "title").text = one_line(found.reference)
    SubElement(root, "updated").text = _rfc3339(max((each.at for each in notices), default=found.made))
    author = SubElement(root, "author")
    SubElement(author, "name").text = "Lianyun"
    SubElement(
        root, "link", {"rel": "self", "href": address if before is None else f"{address}?before={before}"}
    )
    SubElement(root, "link", {"rel": "first", "href": address})
    if len(notices) == PAGE:
        SubElement(root, "link", {"rel": "next", "href": f"{address}?before={notices[-1].no}"})
    if page:
        SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": page})
    for each in notices:
        if each.changes:
            _entry(root, found, each, l10n, page)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _entry(root: Element, found: Subscription, notice: Notice, l10n: Localization, page: str) -> None:
    entry = SubElement(root, "entry")
    SubElement(entry, "id").text = uuid5(UUID(found.id), str(notice.no)).urn
    more = f" (+{len(notice.changes) - 1})" if len(notice.changes) > 1 else ""
    SubElement(entry, "title").text = one_line(headline(notice.changes[0], l10n)) + more
    SubElement(entry, "updated").text = _rfc3339(notice.at)
    SubElement(entry, "published").text = _rfc3339(notice.at)
    if page:
        SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": page})
    lines = [one_line(sentence(each, l10n)) for each in notice.changes]
    SubElement(entry, "content", {"type": "text"}).text = "\n".join(lines)


def _rfc3339(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
