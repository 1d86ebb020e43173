"""What `lianyun demo` is played on: a platform and an API of its own, or those that run already."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.settings import CliSettings
from services.testbed.localstack.api import LocalApi
from services.testbed.localstack.engine import GivenBroker, GivenDatabase, Servers
from services.testbed.localstack.platform import Platform, RunningPlatform


def running_platform() -> RunningPlatform:
    """The platform of the settings, if it is there and nothing was published to it yet; ends the command otherwise."""
    settings = CliSettings()
    if not settings.bootstrap:
        raise Failure(Exit.USAGE, "no broker is configured", "set LIANYUN_BOOTSTRAP=host:port")
    with session(settings) as connection:
        row = connection.execute("SELECT max(next_offset) FROM lianyun.kafka_offset").fetchone()
    if row is not None and row[0]:
        raise Failure(
            Exit.FAILED,
            "events were published to this platform before: the demo is counted and compared as a whole",
            "play it on an empty one",
        )
    servers = Servers(GivenBroker(settings.bootstrap), GivenDatabase(settings.dsn.get_secret_value()))
    return RunningPlatform(servers, settings.network)


def api_of(stack: ExitStack, platform: Platform | RunningPlatform, folder: Path) -> str:
    """Where the API of ``platform`` is: the one that runs already, else one that ``stack`` ends, with its keys in ``folder``.

    Ends the command where somebody else's keys decide on that platform and its API is not known.
    """
    if isinstance(platform, RunningPlatform):
        settings = CliSettings()
        if settings.api_url:
            return settings.api_url
        with session(settings) as connection:
            opened = connection.execute("SELECT 1 FROM lianyun.financing_version LIMIT 1").fetchone()
        if opened is not None:
            raise Failure(
                Exit.USAGE, "the API of this platform is not known", "set LIANYUN_API_URL=http://host:port"
            )
    logs = platform.stack.folder / "logs" / "api" if isinstance(platform, Platform) else folder / "logs"
    return stack.enter_context(LocalApi(platform, folder / "keys", logs)).url
