"""Numbers met in published sample messages: most are well-formed, many have a wrong check digit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.identifiers import CheckDigit, Identifier, iso6346, mrn

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
MRNS = r"\b[0-9]{2}[A-Z]{2}[0-9A-Z]{13}[0-9]\b"
BOXES = r"\b[A-Z]{3}U[0-9]{7}\b"


@pytest.mark.skipif(not DATA.is_dir(), reason="no sample messages beside the repository")
@pytest.mark.parametrize(
    ("folders", "pattern", "parse", "checks"),
    [
        (("ncts", "ncts-journey"), MRNS, mrn.parse, {CheckDigit.OK, CheckDigit.WRONG}),
        (("dcsa", "dcsa-openapi"), BOXES, iso6346.parse, {CheckDigit.OK}),
    ],
)
def test_numbers_in_samples(
    folders: tuple[str, ...], pattern: str, parse: Callable[[str], Identifier], checks: set[CheckDigit]
) -> None:
    files = [file for folder in folders for file in (DATA / folder).rglob("*") if file.is_file()]
    found = {number for file in files for number in re.findall(pattern, file.read_text(errors="ignore"))}
    assert {parse(number).check for number in found} == checks
