"""Brings everything that the local stack downloads or copies, so that the first start needs no network."""

from __future__ import annotations

import os
import sys

from services.testbed.localstack.archive_training import train
from services.testbed.localstack.errors import StackError
from services.testbed.localstack.home import unprivileged_account
from services.testbed.localstack.jars import broker_jars
from services.testbed.localstack.java import java_executable
from services.testbed.localstack.postgres_binaries import postgres_programs
from services.testbed.localstack.progress import say


def prepare() -> None:
    """Fetch the broker's jars, make its starts quick, lay out the database's programs; quick when done before. Raises StackError.

    Skips what the settings make unnecessary: containers, or the address of a server that runs elsewhere.
    """
    if os.environ.get("LIANYUN_STACK") == "containers":
        return
    if not os.environ.get("LIANYUN_BOOTSTRAP"):
        java_executable()
        train(broker_jars())
    if not os.environ.get("LIANYUN_DSN"):
        postgres_programs(unprivileged_account() is not None)


if __name__ == "__main__":
    try:
        prepare()
    except StackError as failure:
        say(f"error: {failure}")
        sys.exit(1)
