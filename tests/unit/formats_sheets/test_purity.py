"""The same bytes and settings say the same on every machine: whatever its zone, hash seed, clock and language."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.unit.formats_sheets.workbooks import KTZ, RAILWAY, SAMPLES, events, read

ROOT = Path(__file__).parents[3]
SCRIPT = """
import hashlib
from tests.unit.formats_sheets.workbooks import KTZ, RAILWAY, SAMPLES, events, read
print(hashlib.sha256(repr([
    events(read("border_handover", (SAMPLES / "04_border_handover_zh_ru.xlsx").read_bytes(), RAILWAY)),
    events(read("natural_list", (SAMPLES / "03_naturny_list_du1_cp1251.csv").read_bytes(), KTZ)),
]).encode()).hexdigest())
"""


def test_zone_seed_and_language_of_the_machine_make_no_difference() -> None:
    here = hashlib.sha256(
        repr(
            [
                events(
                    read("border_handover", (SAMPLES / "04_border_handover_zh_ru.xlsx").read_bytes(), RAILWAY)
                ),
                events(read("natural_list", (SAMPLES / "03_naturny_list_du1_cp1251.csv").read_bytes(), KTZ)),
            ]
        ).encode()
    ).hexdigest()
    for zone, seed, language in (("Pacific/Kiritimati", "1", "C"), ("America/Lima", "4242", "ru_RU.UTF-8")):
        machine = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": language, "PYTHONUTF8": "1"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=ROOT, env=machine, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here


def test_settings_change_what_is_said_and_the_name_of_the_file_is_not_asked() -> None:
    content = (SAMPLES / "03_naturny_list_du1_cp1251.csv").read_bytes()
    moscow = events(read("natural_list", content, KTZ))
    beijing = events(read("natural_list", content, RAILWAY))
    assert moscow.keys() != beijing.keys(), "another zone is another instant, and so another event"
