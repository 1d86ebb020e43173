"""Public examples of other people's messages: everything that is said is a valid event, everything else has a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.producers.formats import dcsa, ncts, taf
from services.producers.formats.model import Format
from tests.support.messages.assembly import settings, tell

SHARED = Path(__file__).resolve().parents[4].parent / "shared"
FOLDERS: tuple[tuple[Format, str, str], ...] = (
    (taf.FORMATS[0], "data/rail-samples", "*.xml"),
    (taf.FORMATS[0], "reference/formats/samples", "*taf*.xml"),
    (ncts.FORMATS[0], "data/ncts-journey", "**/*.xml"),
    (ncts.FORMATS[0], "data/ncts/test", "**/*.xml"),
    (dcsa.FORMATS[0], "data/dcsa/tnt", "**/messages/*.json"),
)


@pytest.mark.parametrize(("format", "folder", "pattern"), FOLDERS, ids=[folder for _, folder, _ in FOLDERS])
def test_every_public_example_is_read_or_refused_with_a_reason(
    format: Format, folder: str, pattern: str
) -> None:
    paths = sorted((SHARED / folder).glob(pattern))
    if not paths:
        pytest.skip(f"the public examples are not beside the repository: {folder}")
    said = 0
    for path in paths:
        raw = path.read_bytes()
        others = [other for other, _, _ in FOLDERS if other.name != format.name]
        assert all(other.recognise(raw) == 0 for other in others), path
        if format.recognise(raw) < 90:
            with pytest.raises(Exception, match="read"):
                format.read(raw, settings())
            continue
        told = tell(format, raw)
        again = tell(format, raw)
        assert [made.signed for _, made, _ in told.events] == [made.signed for _, made, _ in again.events]
        assert told.records, path
        said += len(told.drafts)
    assert said
