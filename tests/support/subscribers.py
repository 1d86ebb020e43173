"""Subscribers in tests: a consignment told step by step, a real mail server on this machine, and one round of the processes."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from psycopg import Connection

from services.ledger.storage.session import open_session
from services.notifications.webhooks import outbox
from services.pages.subscriptions import store
from services.pages.subscriptions.changes import Change, Kind, State, Wanted
from services.pages.subscriptions.delivery import MailFollower
from services.pages.subscriptions.follower import Registries, look_at_due
from services.pages.subscriptions.settings import NotificationSettings
from services.pages.subscriptions.store import Channel, Notice
from services.pages.subscriptions.telemetry import NotificationMetrics
from services.runtime.ports import free_port
from tests.stories.story import Told
from tests.support.api.cast import DECLARATION, case
from tests.support.financing.stored_world import Stored, events_of, register, tell

REFERENCE = "xaport/XA-1"
SENDER = "Lianyun <news@lianyun.example>"
LATER = (
    {"id": "left", "by": "cr", "at": "2026-03-03T10:00+08:00", "type": "movement.departed",
     "says": {"objects": "container CSQU3054383", "place": "xian-intl-port"}},
    {"id": "left-late", "by": "cr", "at": "2026-03-03T12:00+08:00", "type": "correction.corrected",
     "says": {"of": "left", "instead": {"type": "movement.departed", "objects": "container CSQU3054383",
                                        "place": "xian-intl-port", "happened": "2026-03-03T11:30+08:00"}}},
    {"id": "as-before", "by": "cr", "at": "2026-03-03T13:00+08:00", "type": "correction.retracted", "says": {"of": "left-late"}},
    {"id": "never-left", "by": "cr", "at": "2026-03-03T14:00+08:00", "type": "correction.retracted", "says": {"of": "left"}},
    {"id": "stopped", "by": "gacc", "at": "2026-03-04T09:00+08:00", "type": "customs.detained",
     "says": {"objects": f"declaration {DECLARATION}", "jurisdiction": "CN", "ground": "OTHER"}},
    {"id": "free", "by": "gacc", "at": "2026-03-05T09:00+08:00", "type": "customs.detention_lifted",
     "says": {"objects": f"declaration {DECLARATION}", "jurisdiction": "CN", "outcome": "CLEARED"}},
)  # fmt: skip
"""What happens to XA-1 after the first days of the cast."""
LATER_IDS = tuple(str(each["id"]) for each in LATER)


@dataclass
class Journey:
    """The cast's consignments in a database, up to the loading of XA-1; ``tell`` stores what happens then, by its id."""

    dsn: str
    played: bool = False
    """Whether the database holds what the cast does already."""
    _stored: Stored = field(init=False)
    _later: dict[str, tuple[int, Told]] = field(init=False)

    def __post_init__(self) -> None:
        cast_ = case()
        whole = replace(
            cast_,
            story=replace(cast_.story, events=(*cast_.story.events, *LATER)),
            _written=(*cast_.events, *LATER),
        )
        every = events_of(whole)
        late = {*LATER_IDS, "delivered", "cover-gone"}
        self._later = {told.short: (at, told) for at, told in every if told.short in late}
        self._stored = Stored(self.dsn, [(at, told) for at, told in every if told.short not in late])
        if self.played:
            return
        register(self._stored.session, whole.story)
        self._stored.session.commit()
        self._stored.begin()
        self._stored.hear(2**62)

    def tell(self, short: str) -> None:
        """Store one of the later events."""
        at, told = self._later[short]
        tell(self._stored.session, told, at)
        self._stored.session.commit()

    def close(self) -> None:
        self._stored.close()


class Mailbox:
    """What a mail server took; ``answers`` are what it says next to a recipient (None: it takes it)."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.return_paths: list[str] = []
        self.recipients: list[str] = []
        self.answers: list[str] = []

    async def handle_RCPT(
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: Sequence[str]
    ) -> str:
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:
        self.raw.append(cast(bytes, envelope.original_content))
        self.return_paths.append(envelope.mail_from or "")
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        """The messages as a mail program reads them."""
        return [cast(EmailMessage, email.message_from_bytes(each, policy=default)) for each in self.raw]


@contextmanager
def mail_server() -> Iterator[tuple[int, Mailbox]]:
    """A mail server on this machine: its port and what it takes."""
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, mailbox
    finally:
        controller.stop()


def text_of(message: EmailMessage) -> str:
    """The plain text of a message."""
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def token_in(message: EmailMessage) -> str:
    """The token of the page that ends the subscription."""
    return re.findall(r"/u/([\w-]{32})", text_of(message))[-1]


@dataclass
class Senders:
    """The steps of both processes, taken in the test."""

    settings: NotificationSettings
    metrics: NotificationMetrics = field(default_factory=NotificationMetrics)

    def notices(self) -> None:
        """Follow accepted events and look at what they touched."""
        with open_session(self.settings.dsn.get_secret_value()) as session:
            session.autocommit = True
            outbox.catch_up(session)
            registries = Registries()
            while True:
                with session.transaction():
                    if not look_at_due(session, registries):
                        return

    def mail(self) -> None:
        """Send what is due."""
        follower = MailFollower(self.settings, self.metrics)
        follower.open()
        try:
            follower.step()
        finally:
            follower.close()

    def round(self) -> None:
        """Both."""
        self.notices()
        self.mail()


def subscribe_twice(session: Connection[Any], at: int) -> None:
    """Rows of a mail subscription that was confirmed and of a feed that was ended, each with a notice; in the caller's transaction."""
    state = State(("movement=full",))
    for channel, address in ((Channel.MAIL, "a@example.org"), (Channel.FEED, None)):
        made = store.make(
            session,
            consignment=bytes(16),
            reference=REFERENCE,
            party="xaport",
            share=None,
            made_by="test",
            channel=channel,
            address=address,
            language="en",
            wanted=Wanted(),
            told=state,
            fields=state.fields,
            now=at,
        )
        assert made is not None
        found = store.by_id(session, made[0])
        assert found is not None
        change = Change(Kind.REACHED, "departed", "railnet:xian", at)
        store.put_notice(
            session,
            found.id,
            Notice(1, at, frozenset(state.fields), (change,)),
            channel,
        )
        if channel is Channel.MAIL:
            assert store.confirm(session, found, at + 1)
        else:
            assert store.end(session, found, "owner", at + 1)
