"""`lianyun convert`: how a partner's file is interpreted, and the events that it would make; publishes nothing."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.reasons import Refusal
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.cli.publish import profile_of
from services.cli.settings import CliSettings
from services.producers import file_reader, profile
from services.producers.file_reader import EventRecord, PartnerFile
from services.producers.formats import declarations
from services.producers.formats.model import EventDraft, Remark
from services.producers.formats.native_lines import line_of
from services.producers.outcomes import place, plain_refusal, plain_remark


@dataclass(frozen=True, slots=True)
class _Converted:
    path: Path
    file: PartnerFile | None
    refusal: Refusal | None
    records: tuple[EventRecord, ...] = ()

    @property
    def refused(self) -> int:
        return (self.refusal is not None) + sum(each.refusal is not None for each in self.records)


def convert(
    paths: Annotated[list[Path], typer.Argument(help="Files to read.", exists=True, dir_okay=False)],
    party: Annotated[
        str, typer.Option("--as", help="The partner whose declarations count; without it none do.")
    ] = "",
    format: Annotated[
        str, typer.Option("--format", help="Read the files as this format, instead of recognising it.")
    ] = "",
    zone: Annotated[
        str, typer.Option(help="Try out a clock for times without an offset, such as Asia/Shanghai.")
    ] = "",
    declaration: Annotated[
        Path | None,
        typer.Option(
            "--declared", help="Take the section [files] of this TOML file, not the profile's.", exists=True
        ),
    ] = None,
    native: Annotated[
        bool, typer.Option("--native", help="Write the good records as native JSON lines, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what PATHS say: which header was taken for what, and per record its event or why there is none."""
    who = _who(party, zone, declaration)
    converted = [_convert(path, who, format) for path in paths]
    if native:
        for each in converted:
            for record in each.records:
                if record.event is not None and record.draft is not None:
                    sys.stdout.write(line_of(record.draft).decode() + "\n")
    elif as_json:
        print_json({"files": [_plain(each) for each in converted]})
    else:
        for each in converted:
            _show(each)
    refused = sum(each.refused for each in converted)
    if refused and native:
        raise Failure(Exit.FAILED, f"{refused} records make no event", "lianyun convert without --native")
    if refused:
        raise typer.Exit(Exit.FAILED)


def _who(party: str, zone: str, declaration: Path | None) -> profile.Profile:
    settings = CliSettings()
    if party:
        who = profile_of(settings, party)
    else:
        who = profile.anonymous(settings.network)
    if declaration is not None:
        try:
            table = tomllib.loads(declaration.read_text(encoding="utf-8"))
            who = replace(who, files=declarations.read(table.get("files"), who.party))
        except ValueError as problem:  # no TOML, no UTF-8, or a declaration that cannot be used
            fix = "lianyun simulate --formats writes one for each party"
            raise Failure(Exit.USAGE, f"{declaration}: {problem}", fix) from None
    if not zone:
        return who
    try:
        trial = declarations.read({"zone": zone}, who.party)
    except declarations.BadDeclaration as problem:
        raise Failure(Exit.USAGE, f"--zone: {problem}", "lianyun convert --help") from None
    return replace(who, files=trial if who.files is None else replace(who.files, zone=trial.zone))


def _convert(path: Path, who: profile.Profile, format: str) -> _Converted:
    try:
        content, _ = file_reader.load(path)
        file = file_reader.read(content, who, format)
    except Refusal as refusal:
        return _Converted(path, None, refusal)
    return _Converted(path, file, None, tuple(file.records))


def _plain(converted: _Converted) -> dict[str, Any]:
    file, why = converted.file, converted.refusal
    return {
        "path": str(converted.path),
        "format": "" if file is None else file.format.name,
        "title": "" if file is None else file.format.title,
        "refusal": None if why is None else plain_refusal(why),
        "taken": []
        if file is None
        else [
            {**place(each.where), "label": each.label, "meaning": each.meaning, "certainty": each.certainty}
            for each in file.interpretations
        ],
        "remarks": [] if file is None else [plain_remark(each) for each in file.remarks],
        "records": [_plain_record(each) for each in converted.records],
    }


def _plain_record(record: EventRecord) -> dict[str, Any]:
    draft = record.draft
    return {
        **place(record.where),
        "event": None if draft is None or record.event is None else _event(draft),
        "refusal": None if record.refusal is None else plain_refusal(record.refusal),
        "passed_over": record.passed_over,
        "remarks": [plain_remark(each) for each in record.remarks],
    }


def _event(draft: EventDraft) -> dict[str, Any]:
    body: dict[str, Any] = {"id": draft.id, "type": draft.type, "time": draft.time}
    return {**body, **({} if draft.subject is None else {"subject": draft.subject}), "data": dict(draft.data)}


def _show(converted: _Converted) -> None:
    file, why = converted.file, converted.refusal
    if file is None:
        if why is not None:
            print_table(
                ("file", "why", "what", "to do"), [(converted.path, why.reason, why.detail, why.remedy)]
            )
        return
    out.print(f"{converted.path}: {file.format.title} ({file.format.name})", markup=False)
    if file.interpretations:
        print_table(
            ("where", "label", "taken for", "certainty"),
            [(each.where, each.label, each.meaning, each.certainty) for each in file.interpretations],
        )
    print_table(("where", "makes", "id", "what", "to do"), _rows(converted, file.remarks))


def _rows(converted: _Converted, remarks: tuple[Remark, ...]) -> Iterator[tuple[object, ...]]:
    for each in remarks:
        yield each.where, "remark", "", each.text, each.remedy
    for record in converted.records:
        draft, why = record.draft, record.refusal
        if why is not None:
            at = f" ({why.pointer})" if why.pointer else ""
            yield (
                record.where,
                f"no event: {why.reason}",
                draft.id if draft else "",
                why.detail + at,
                why.remedy,
            )
        elif draft is None:
            yield record.where, "nothing", "", record.passed_over, ""
        else:
            yield record.where, draft.type, draft.id, _gist(draft), ""
        for each in record.remarks:
            yield each.where, each.code or "remark", "", each.text, each.remedy


def _gist(draft: EventDraft) -> str:
    """When, where and about what, as far as the payload names it, for a line of a table."""
    data = draft.data
    about = [str(ref.get("id", "")) for ref in data.get("objects", ()) if isinstance(ref, dict)]
    about += [
        str(data[name]) for name in ("train", "container", "note", "wagon", "reference") if name in data
    ]
    parts = [str(data.get("happened") or data.get("from") or ""), str(data.get("place") or ""), *about[:3]]
    more = f"and {len(about) - 3} more" if len(about) > 3 else ""
    return " ".join(part for part in (*parts, more) if part)
