"""A dropped file is taken when it lies still, and moved aside as it was read, never over another one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.producers.folder_watch import Candidate, Inbox, InboxBusy, looks_complete


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path, settle=3, grace=60) as opened:
        yield opened


def drop(inbox: Inbox, name: str = "list.csv", content: bytes = b"x\n") -> Path:
    path = inbox.folder / name
    path.write_bytes(content)
    return path


def still(inbox: Inbox, now: float = 100) -> list[Candidate]:
    inbox.scan(now)
    return inbox.scan(now + 3)


def test_a_file_counts_when_it_lay_still_between_two_looks(inbox: Inbox) -> None:
    path = drop(inbox)
    assert [len(inbox.scan(now)) for now in (0, 2.9, 3, 4)] == [0, 0, 1, 1]
    path.write_bytes(b"x\ny\n")
    assert [len(inbox.scan(now)) for now in (5, 7, 8)] == [0, 0, 1]


def test_another_file_under_the_name_starts_anew(inbox: Inbox) -> None:
    path = drop(inbox)
    assert still(inbox)
    other = drop(inbox, "other.part", path.read_bytes())
    before = path.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)
    assert not inbox.scan(104)


@pytest.mark.parametrize(
    "name", [".hidden", "~$list.xlsx", "a.part", "a.TMP", "a.filepart", "a.crdownload", "a.csv.outcome.json"]
)
def test_unfinished_uploads_and_our_own_reports_are_left_alone(inbox: Inbox, name: str) -> None:
    drop(inbox, name)
    assert not still(inbox)


def test_folders_links_and_pipes_are_no_files(inbox: Inbox) -> None:
    (inbox.folder / "folder").mkdir()
    (inbox.folder / "link").symlink_to("/etc/hostname")
    os.mkfifo(inbox.folder / "pipe")
    assert not still(inbox)


def test_the_oldest_come_first_and_not_all_at_once(inbox: Inbox) -> None:
    for n in range(70):
        os.utime(drop(inbox, f"{n}.csv"), (1_000 - n, 1_000 - n))
    found = [each.path.name for each in still(inbox)]
    assert found == [f"{n}.csv" for n in range(69, 5, -1)]


def test_it_is_moved_with_its_report_and_never_over_another(inbox: Inbox) -> None:
    targets = []
    for n in range(3):
        drop(inbox, content=b"%d\n" % n)
        (candidate,) = still(inbox, 100 + 10 * n)
        targets.append(inbox.archive(candidate, good=n != 1, report={"n": n}))
    names = [str(target.relative_to(inbox.folder)) for target in targets if target]
    assert names == ["done/list.csv", "failed/list.csv", "done/list~2.csv"]
    for n, name in enumerate(names):
        assert (inbox.folder / name).read_bytes() == b"%d\n" % n
        assert json.loads((inbox.folder / f"{name}.outcome.json").read_text()) == {"n": n}
    assert not [path for path in inbox.folder.iterdir() if path.is_file() and not path.name.startswith(".")]


def test_a_file_that_changed_since_stays_and_leaves_no_report(inbox: Inbox) -> None:
    path = drop(inbox)
    (candidate,) = still(inbox)
    path.write_bytes(b"x\ny\n")
    assert inbox.archive(candidate, True, {}) is None
    assert path.exists()
    assert not list((inbox.folder / "done").iterdir())


def test_a_report_without_its_file_is_written_anew(inbox: Inbox) -> None:
    (inbox.folder / "done" / "list.csv.outcome.json").write_text("{}")
    drop(inbox)
    (candidate,) = still(inbox)
    assert inbox.archive(candidate, True, {"n": 1}) == inbox.folder / "done" / "list.csv"
    assert json.loads((inbox.folder / "done" / "list.csv.outcome.json").read_text()) == {"n": 1}


def test_a_folder_has_one_watch(inbox: Inbox) -> None:
    with pytest.raises(InboxBusy), Inbox(inbox.folder, 1, 1):
        pass


@pytest.mark.parametrize(
    ("content", "whole"),
    [(b"a;b\n", True), (b"a;b", False), (b"<a/>", True), (b"<a", False), (b'{"a": 1}', True), (b'{"a": 1', False),
     (b"PK\x03\x04anything", True), (b"a\r\n  ", True), (b"", False)],
)  # fmt: skip
def test_what_ends_in_the_middle_of_something_is_perhaps_not_all(content: bytes, whole: bool) -> None:
    assert looks_complete(content) is whole
