"""Messages (RFC 5322): plain text and simple HTML, with an end by one click (RFC 8058). Pure but for templates.

No header holds what partners wrote: a subject is one line of words of the platform and a reference whose characters are printed ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import quote

from services.pages.localization import Localization
from services.pages.rendering import Templates
from services.pages.subscriptions.store import CONFIRMATION, Notice, Subscription
from services.pages.subscriptions.wording import headline, sentence
from services.pages.tracking.words import N_

_LONGEST_SUBJECT = 180
ASKED = N_("Somebody asked that this address be notified of changes of a consignment.")
OTHERWISE = N_("If it was not, do nothing: nothing more is sent to you.")
BY_LINK = N_("You get this because you asked for news of %(reference)s, shared by %(name)s.")
BY_YOURSELF = N_("You get this because you asked for news of %(reference)s.")


@dataclass(frozen=True, slots=True)
class Written:
    """One language at work: its words and its templates."""

    l10n: Localization
    templates: Templates


def compose(
    written: Written,
    sender: str,
    found: Subscription,
    notice: Notice,
    *,
    origin: str,
    token: str,
    shared_by: str,
) -> EmailMessage:
    """The message of a notice to the address of ``found``. ``origin`` is the pages' own, ``token`` leads to the page that ends it.

    ``shared_by`` is the party whose link it came from, "" for a party's own. The same notice always has the same Message-ID.
    """
    l10n = written.l10n
    asks = notice.no == CONFIRMATION
    about = f"{origin}/u/{token}"
    lines = [sentence(each, l10n) for each in notice.changes]
    subject = l10n.gettext("Please confirm: news of a consignment") if asks else _subject(found, notice, l10n)
    page = f"{about}/consignment" if found.share else f"{origin}/track/{quote(found.reference)}"
    values = {
        "asks": asks,
        "reference": found.reference,
        "lines": lines,
        "page": page,
        "about": about,
        "shared_by": shared_by,
        "subject": subject,
        "asked": l10n.gettext(ASKED),
        "otherwise": l10n.gettext(OTHERWISE),
        "why": l10n.gettext(BY_LINK if shared_by else BY_YOURSELF)
        % {"reference": found.reference, "name": shared_by},
    }
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    message["From"] = Address(name or "Lianyun", addr_spec=address)
    message["To"] = Address(addr_spec=found.address or "")
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(notice.at // 1_000_000, UTC))
    message["Message-ID"] = message_id(found.id, notice.no, address)
    message["Auto-Submitted"] = "auto-generated"
    if not asks:
        message["List-Unsubscribe"] = f"<{about}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["List-Id"] = f"<{found.id}.{address.rpartition('@')[2]}>"
    message.set_content(_text(l10n, values), cte="base64")
    html = written.templates.render("subscriptions_mail.html", values).decode()
    message.add_alternative(html, subtype="html", cte="base64")
    message["Content-Language"] = l10n.tag
    return message


def message_id(subscription: str, no: int, sender: str) -> str:
    """The Message-ID of a notice."""
    return f"<{subscription}.{no}@{sender.rpartition('@')[2]}>"


def _subject(found: Subscription, notice: Notice, l10n: Localization) -> str:
    first = headline(notice.changes[0], l10n) if notice.changes else ""
    more = f" (+{len(notice.changes) - 1})" if len(notice.changes) > 1 else ""
    return one_line(f"{found.reference}: {first}")[:_LONGEST_SUBJECT] + more


def one_line(text: str) -> str:
    """``text`` in one line of printed characters."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _text(l10n: Localization, values: dict[str, Any]) -> str:
    about, page = {"about": values["about"]}, {"page": values["page"]}
    if values["asks"]:
        return "\n".join(
            [
                l10n.gettext(ASKED),
                "",
                l10n.gettext("If that was you, open this page and confirm: %(about)s") % about,
                "",
                l10n.gettext(OTHERWISE),
                "",
            ]
        )
    by = {"reference": values["reference"], "name": values["shared_by"]}
    why = l10n.gettext(BY_LINK if values["shared_by"] else BY_YOURSELF) % by
    return "\n".join(
        [
            values["reference"],
            "",
            *(f"- {line}" for line in values["lines"]),
            "",
            l10n.gettext("The consignment: %(page)s") % page,
            "",
            why,
            l10n.gettext("End this subscription: %(about)s") % about,
            "",
        ]
    )
