"""Pages over a journey that is told step by step, and a mail server on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from services.pages.subscriptions.settings import NotificationSettings
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.pages import RunningPages
from tests.support.subscribers import SENDER, Journey, Mailbox, Senders, mail_server


@dataclass
class World:
    """What a test of subscriptions works with."""

    pages: RunningPages
    journey: Journey
    mailbox: Mailbox
    senders: Senders

    def tell(self, *shorts: str) -> None:
        """Each event, with a round of both processes after it."""
        for each in shorts:
            self.journey.tell(each)
            self.senders.round()


@pytest.fixture(scope="session")
def played(postgres: DatabaseAddress) -> str:
    """The name of a database with the beginning of the journey, to be copied."""
    name = f"subscriptions_{uuid4().hex[:10]}"
    Journey(migrated_database(postgres, name)).close()
    return name


@pytest.fixture
def world(postgres: DatabaseAddress, played: str) -> Iterator[World]:
    name = f"subscriptions_{uuid4().hex[:10]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(played)))
    dsn = urlunsplit(urlsplit(postgres.dsn)._replace(path=f"/{name}"))
    journey = Journey(dsn, played=True)
    with mail_server() as (port, mailbox), RunningPages(dsn, {"mail_from": SENDER}) as pages:
        settings = NotificationSettings.model_validate(
            {
                "dsn": dsn,
                "pages_url": pages.url,
                "mail_from": SENDER,
                "mail_bounces": "bounces@lianyun.example",
                "smtp_port": port,
                "smtp_security": "none",
                "notification_first_pause": 0.01,
                "notification_longest_pause": 0.01,
            }
        )
        yield World(pages, journey, mailbox, Senders(settings))
    journey.close()
