"""One running API over the run's Postgres, with the parties and events of the first financing story.

``api`` is shared by the run: ``api.client("abank")`` is an HTTP client of that party, ``api.url`` where it listens,
``api.dsn`` its database. Parties: xaport (operator), optic (shipper), ruhr (consignee's agent), abank, bbank and others of
``tests/financing/stories/base.yaml``; the consignment ``xaport/XA-1``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.localstack.engine import DatabaseAddress
from services.storage.migrate import migrate
from services.storage.session import open_session
from tests.calling.running import RunningApi
from tests.financing.stored import events_of, register, tell
from tests.financing.telling import cases


@pytest.fixture(scope="session")
def api_dsn(postgres: DatabaseAddress) -> str:
    address = postgres.fresh_database("api_tests")
    migrate(address)
    case = cases()[0]
    with open_session(address) as session:
        register(session, case.story)
        for known, told in sorted(events_of(case), key=lambda event: event[0]):
            tell(session, told, known)
            session.commit()
    return address


@pytest.fixture(scope="session")
def api(api_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(api_dsn, tmp_path_factory.mktemp("api")) as running:
        yield running
