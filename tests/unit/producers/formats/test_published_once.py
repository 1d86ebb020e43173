"""A message that is sent twice, or read on two machines, is published once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.producers.formats import dcsa, ncts, taf
from services.producers.formats.model import Format
from services.producers.intake import Intake
from services.producers.outcomes import RecordStatus
from services.producers.spool import Spool
from tests.support.messages import documents
from tests.support.messages.assembly import profile, settings

FORMATS: tuple[Format, ...] = (*taf.FORMATS, *ncts.FORMATS, *dcsa.FORMATS)
FILES = {
    "running.xml": documents.running(),
    "composition.xml": documents.composition(),
    "deleted.xml": documents.running(status="3"),
    "events.json": documents.dcsa(documents.dcsa_event()),
    **{f"{number}.xml": raw for number, raw in documents.life().items()},
}


@pytest.mark.parametrize("name", FILES)
def test_the_second_reading_publishes_nothing(name: str, tmp_path: Path) -> None:
    partner = replace(profile("hanse"), files=settings("hanse", ncts=documents.CUSTOMS))
    with Spool(tmp_path / "spool.sqlite") as spool:
        first, second = (Intake(partner, spool, formats=FORMATS).content(name, FILES[name]) for _ in range(2))
    assert first.refusal is None
    assert {record.status for record in first.records} == {RecordStatus.SPOOLED}
    assert {record.status for record in second.records} == {RecordStatus.ALREADY}
