"""What somebody else wrote reaches a terminal as text only: it moves no cursor, changes no colour, reorders no line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.table import Table

from services.cli import output, track
from services.cli.output import LegibleConsole, json_text, print_table

HOSTILE = "a\x1b[2J\x1b]8;;http://x\x07\x9b31m\u202eb\u200b\u061c\U000e0041\x7fc\rd"
HIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\u061c", "\U000e0041", "\x7f", "\r")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal without colours gets."""
    file = io.StringIO()
    console = LegibleConsole(file=file, width=200, soft_wrap=True, highlight=False, color_system=None)
    monkeypatch.setattr(output, "out", console)
    monkeypatch.setattr(track, "out", console)
    return file


def harmless(text: str) -> bool:
    return not any(character in text for character in HIDDEN)


def test_a_line_a_table_and_any_other_output_show_what_is_hidden(written: io.StringIO) -> None:
    output.out.print(HOSTILE, markup=False)
    print_table(("id", "remark"), [(HOSTILE, f"two\nlines {HOSTILE}")], title=HOSTILE)
    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    output.out.print(table)
    shown = written.getvalue()
    assert harmless(shown)
    assert shown.count("\\x1b[2J") == 6
    assert "\\u202eb\\u200b\\u061c\\U000e0041\\x7fc\\rd" in shown
    assert "two" in shown


def test_styles_of_our_own_still_reach_a_terminal() -> None:
    file = io.StringIO()
    LegibleConsole(file=file, width=80, force_terminal=True, color_system="standard", highlight=False).print(
        "[bold red]x[/]\x1b[0m"
    )
    assert file.getvalue().startswith("\x1b[1;31mx\x1b[0m")
    assert "\\x1b[0m" in file.getvalue()


def test_json_is_the_same_value_without_a_raw_character_that_does_not_show() -> None:
    value = {"id": HOSTILE, "place": "霍尔果斯 Хоргос", "rows": [1, None, "two\nlines"]}
    for option in (0, output.orjson.OPT_INDENT_2):
        text = json_text(value, option)
        assert harmless(text)
        assert json.loads(text) == value
    assert "霍尔果斯" in json_text(value)


def test_brackets_in_what_somebody_wrote_are_no_markup(written: io.StringIO) -> None:
    claim = {
        "milestone": "arrived", "place_name": "[/bold]", "happened": "2026-03-05T09:20:00Z", "by": "ktz", "assurance": "ASSERTED",
        "classifier": "ACT", "object": "container [link=http://x]y", "standing": "COUNTS", "because": None, "corrects": None, "via_disputed_link": False,
    }  # fmt: skip
    view: dict[str, Any] = {
        "consignment": "[red]c[/]", "as_of": "2026-03-05T09:20:00Z", "members": [], "movement": claim, "customs": {}, "document": None, "boxes": [],
        "boxes_behind": 0, "exceptions": [], "disputes": [], "disputed_links": [], "handovers": [], "restrictions": [], "announced_restrictions": [],
        "past_restrictions": [], "overdue": [], "silent": False, "not_live": [], "quarantined": [], "timeline": [claim],
    }  # fmt: skip
    track.show_view(view)
    shown = written.getvalue()
    assert "consignment [red]c[/]" in shown
    assert "(view, derived from all facts)" in shown
    assert shown.count("[/bold]") == 2
    assert "container [link=http://x]y" in shown
