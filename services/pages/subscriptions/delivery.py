"""Sends what is due: leased, judged again, sent by SMTP, settled. At least once, each notice under one Message-ID.

Before each attempt it is found out, in the transaction that writes the line of the access log, what the subscriber may see at that moment:
what it may not see any more is left out, and a link that has ended ends the subscription. A process that ends between sending
and settling leaves the notice leased; it is sent again when the lease expires.
"""

from __future__ import annotations

import logging
import random
import re
import smtplib
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, NamedTuple

from psycopg import Connection

from services.api import access_log
from services.api.auth.gate import Caller
from services.api.calls import Read
from services.pages.localization import localizations
from services.pages.rendering import Templates, static_files
from services.pages.subscriptions import bounces, store
from services.pages.subscriptions.follower import Registries, begin, open_own_session
from services.pages.subscriptions.mail import Written, compose
from services.pages.subscriptions.settings import NotificationSettings
from services.pages.subscriptions.store import CONFIRMATION, Leased, Status, Subscription
from services.pages.subscriptions.telemetry import NotificationMetrics
from services.pages.subscriptions.viewing import sight
from services.runtime.follower import Follower

log = logging.getLogger(__name__)
Session = Connection[Any]
SECOND = 1_000_000
AT_ONCE = 20
_ENHANCED = re.compile(rb"^\s*([245]\.\d{1,3}\.\d{1,3})\b")

Point = Callable[[str], None]


def no_op(_point: str) -> None:
    """Called at named points (``leased``, ``written``, ``sent``, ``settled``), at which tests kill the process."""


class Attempt(NamedTuple):
    """What came of an attempt: ``refused`` for good by the server of the address; ``detail`` never names the address."""

    sent: bool
    refused: bool = False
    detail: str = ""


class Outgoing(NamedTuple):
    """A message and the address to which it comes back."""

    message: EmailMessage
    return_path: str


class MailServer:
    """Sends messages through one connection at a time, opened when needed; a context manager."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings
        self._connection: smtplib.SMTP | None = None

    def send(self, message: EmailMessage, return_path: str) -> Attempt:
        """Send one message; always returns. A failure that says nothing of its address is no refusal."""
        try:
            connection = self._connected()
            connection.send_message(message, from_addr=return_path)
        except smtplib.SMTPRecipientsRefused as problem:
            code, text = next(iter(problem.recipients.values()))
            return _answer(code, text)
        except smtplib.SMTPDataError as problem:
            return _answer(problem.smtp_code, problem.smtp_error)
        except (smtplib.SMTPException, OSError, ValueError) as problem:
            self.close()
            log.warning("mail cannot be sent: %s", type(problem).__name__, extra={"action": "mail_failed"})
            return Attempt(False, detail="the mail server does not take it")
        return Attempt(True)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._connection.quit()
            self._connection = None

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                if self._connection.noop()[0] == 250:
                    return self._connection
            self.close()
        settings = self._settings
        where = (settings.smtp_host, settings.smtp_port)
        if settings.smtp_security == "tls":
            made: smtplib.SMTP = smtplib.SMTP_SSL(
                *where, timeout=settings.smtp_timeout, context=ssl.create_default_context()
            )
        else:
            made = smtplib.SMTP(*where, timeout=settings.smtp_timeout)
        self._connection = made
        if settings.smtp_security == "starttls":
            made.starttls(context=ssl.create_default_context())
        if settings.smtp_user:
            made.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        return made


def _answer(code: int, text: bytes | str) -> Attempt:
    """A refusal of the address: its code, and the enhanced one (RFC 3463); the rest may name the address."""
    raw = text if isinstance(text, bytes) else text.encode()
    found = _ENHANCED.match(raw)
    detail = f"{code} {found[1].decode()}" if found else str(code)
    return Attempt(False, refused=500 <= code < 600, detail=detail)


class MailFollower(Follower):
    """Sends what is due, on a session of its own."""

    contended_pause = 0.2

    def __init__(
        self, settings: NotificationSettings, metrics: NotificationMetrics, at_point: Point = no_op
    ) -> None:
        self._settings, self._metrics, self._at_point = settings, metrics, at_point
        self._registries = Registries()
        self._session: Session | None = None
        self._server = MailServer(settings)
        static = static_files()
        self._written = {
            code: Written(l10n, Templates(l10n, static)) for code, l10n in localizations().items()
        }
        self._chance = random.SystemRandom().random

    def open(self) -> None:
        """Open the session. Raises SchemaMoved."""
        self._session = open_own_session(self._settings)

    def close(self) -> None:
        """Close session and connection."""
        self._server.close()
        if self._session is not None:
            self._session.close()

    def step(self) -> float:
        """Send what is due. Raises psycopg errors where the database is gone."""
        session = self._session
        assert session is not None
        with session.transaction():
            _, now = begin(session, self._registries)
            leased = store.lease(session, now, now + self._settings.lease, AT_ONCE)
        self._at_point("leased")
        ends = time.monotonic() + self._settings.lease / SECOND / 2
        for each in leased:
            if time.monotonic() > ends:  # a slow server: the rest is due again with its lease
                break
            self._attempt(session, each)
        if not leased:
            self._server.close()
        return 0.0 if len(leased) == AT_ONCE else self._settings.notification_tick

    def _attempt(self, session: Session, leased: Leased) -> None:
        with session.transaction():
            outgoing = self._outgoing(session, leased)
        self._at_point("written")
        if outgoing is None:
            return
        came = self._server.send(*outgoing)
        self._at_point("sent")
        with session.transaction():
            self._settle(session, leased, came)
        self._at_point("settled")

    def _outgoing(self, session: Session, leased: Leased) -> Outgoing | None:
        """The message as it may be sent now, with its line in the access log; None where nothing of it may."""
        registry, now = begin(session, self._registries)
        found = store.by_id(session, leased.subscription)
        asks = leased.notice.no == CONFIRMATION
        if found is None or found.state is not (Status.UNCONFIRMED if asks else Status.ACTIVE):
            self._drop(session, leased, now, "ended")
            return None
        seen = sight(session, registry, found, now)
        if seen.over:
            store.end(session, found, seen.over, now)
        notice = leased.notice.within(seen.fields)
        if seen.shown is None or not (asks or notice.changes):
            self._drop(session, leased, now, seen.over or "not to be seen")
            return None
        shared_by = ""
        if found.share is not None:
            party = registry.party(found.party)
            shared_by = found.party if party is None else party.name
        token = store.new_token(session, found.id, feed=False)
        if not asks:
            read = Read(f"consignment:{found.reference}", tuple(sorted(seen.shown.shippers - {found.party})))
            for line in access_log.read_lines(
                [read],
                at=now,
                caller=Caller(found.client, frozenset(), "", ""),
                party=found.party,
                method="SEND",
                route="mail",
                request=f"{found.id}.{notice.no}.{leased.attempt}",
                status=200,
            ):
                session.execute(*line)
        message = compose(
            self._written[found.language],
            self._settings.mail_from,
            found,
            notice,
            origin=self._settings.pages_urls[0],
            token=token,
            shared_by=shared_by,
        )
        return Outgoing(message, self._return_path(session, found, notice.no))

    def _return_path(self, session: Session, found: Subscription, no: int) -> str:
        base = self._settings.mail_bounces
        return (
            bounces.return_path(session, base, found, no) if base else parseaddr(self._settings.mail_from)[1]
        )

    def _drop(self, session: Session, leased: Leased, now: int, why: str) -> None:
        store.settle(session, leased, "DROPPED", now, why)
        self._metrics.attempted("dropped")

    def _settle(self, session: Session, leased: Leased, came: Attempt) -> None:
        _, now = begin(session, self._registries)
        if came.sent:
            store.settle(session, leased, "SENT", now)
            self._metrics.attempted("sent")
            return
        pause = self._settings.backoff.pause(leased.attempt, self._chance())
        if came.refused or pause is None:
            store.settle(session, leased, "FAILED", now, came.detail)
        else:
            store.settle(session, leased, "WAITING", now + int(pause * SECOND), came.detail)
        self._metrics.attempted("refused" if came.refused else "dead" if pause is None else "failed")
        if came.refused:
            found = store.by_id(session, leased.subscription)
            status = came.detail.split()[-1]
            if (
                found is not None
                and bounces.count(session, found, status, came.detail, now) is Status.SUSPENDED
            ):
                log.info("an address refuses mail: %s", came.detail, extra={"subscription": found.id})
