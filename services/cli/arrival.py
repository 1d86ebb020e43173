"""`lianyun arrival`: when a consignment arrives, leg by leg, and how good forecasts of borders have been."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.arrival.domain.history import week_of
from services.arrival.domain.record import records
from services.arrival.domain.tables import tables
from services.arrival.store import projector
from services.arrival.store.presentation import arrival_json, records_json
from services.arrival.store.reader import read_border_cells, read_forecast
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.domain.facts import Micros
from services.ledger.registry import store
from services.query import identifiers, views
from services.query.views import SourcedView
from services.statistics.store import schedule
from services.telemetry.logs import configure

WEEKS = 52


def arrival(
    identifier: Annotated[
        str,
        typer.Argument(help="A container, consignment, booking, note, train or declaration, as for track."),
    ] = "",
    borders: Annotated[
        bool, typer.Option("--borders", help="Instead, how good the forecasts of each border have been.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="First bring what is known of legs up to all accepted events.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="With --follow: forget what stands and begin at the first event.")
    ] = False,
    keep_on: Annotated[
        bool,
        typer.Option(
            "--keep-on",
            help="With --follow: go on until Ctrl-C or SIGTERM, with health and metrics on LIANYUN_ARRIVAL_METRICS_PORT, "
            "and publish the statistics that are due.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show when a consignment arrives, as an interval that holds it four times in five, and by which legs."""
    if not (identifier or borders or follow):
        raise Failure(Exit.USAGE, "nothing to show", "give an identifier, --borders or --follow")
    settings = CliSettings()
    if follow and keep_on:
        _keep_on(settings, anew=anew)
        return
    moment = now()
    with session(settings) as connection:
        if follow:
            if anew:
                projector.forget(connection)
            connection.commit()  # each step is a transaction of its own
            out.print(f"followed {projector.catch_up(connection)} events")
        if borders:
            found = records_json(records(read_border_cells(connection), week_of(moment) - WEEKS, tables()))
            _show_borders(found, as_json)
        if not identifier:
            return
        registry = store.read_snapshot(connection)
        things = identifiers.candidates(identifier)
        seen = [
            found_view
            for consignment in views.consignments_of(connection, things)
            if (found_view := views.read_view(connection, consignment, moment, registry)) is not None
        ]
        shown = [forecast_of(connection, each, moment) for each in seen]
    if not shown:
        raise Failure(
            Exit.NOT_FOUND, f"{identifier!r} belongs to no consignment", "see what is known: lianyun track"
        )
    if as_json:
        print_json({"consignments": shown})
        return
    for each in shown:
        _show(each)


def _keep_on(settings: CliSettings, *, anew: bool) -> None:
    if anew:
        with session(settings) as connection:
            projector.forget(connection)
    beside = schedule.ScheduleSettings(dsn=settings.dsn)
    configure(beside.log_format, beside.log_level)
    schedule.run(beside)


def forecast_of(connection: Any, known: SourcedView, moment: Micros) -> dict[str, Any]:
    """The forecast of a consignment as plain values."""
    found = read_forecast(connection, known, moment)
    return arrival_json(known.view.consignment.key, found, moment, known.sources.named)


def in_one_line(shown: dict[str, Any]) -> str:
    """A forecast for people who look at more than that."""
    ends = shown["arrival"]
    if ends is None:
        return f"arrived {shown['arrived']}" if shown["arrived"] else f"no forecast: {shown['status']}"
    if ends["p90"] is None:
        return f"not before {ends['p10']}, no upper bound: {shown['no_upper_bound_because']}"
    return f"{ends['p10']} to {ends['p90']}, most likely {ends['p50']}"


def _show(shown: dict[str, Any]) -> None:
    out.print(f"consignment {shown['consignment']} to {shown['destination_name']}", markup=False)
    out.print(f"  arrival  {in_one_line(shown)}", markup=False)
    if moved := shown["moved"]:
        out.print(f"  moved    {moved['hours']:+} h since {moved['since']}", markup=False)
        for leg in moved["legs"]:
            out.print(f"           {leg['hours']:+} h {leg['from_name']} - {leg['to_name']}", markup=False)
    if quiet := shown["silence"]:
        state = "is overdue since" if quiet["unusual"] else "is not due before"
        out.print(
            f"  news     last by {quiet['last_by']} {quiet['age_hours']} h ago; more {state} {quiet['normal_until']}",
            markup=False,
        )
    rows = [
        (
            leg["stage"],
            leg["from_name"],
            leg["to_name"],
            leg["ends"]["p10"],
            leg["ends"]["p50"] or "",
            leg["ends"]["p90"] or "",
            leg["sample"]["source"],
            leg["sample"]["own"],
            leg["sample"]["pooled"],
            leg["closed"]["trains_ahead"] if leg["closed"] else "",
        )
        for leg in shown["legs"]
    ]
    if rows:
        print_table(("leg", "from", "to", "P10", "P50", "P90", "learned", "own", "all", "ahead"), rows)
    out.print(f"  model {shown['model']}", markup=False)


def _show_borders(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"borders": found})
        return
    rows = [
        (
            each["crossing"],
            each["from_name"],
            each["crossings"],
            f"{each['coverage_80_ppm'] / 10_000:.0f} %",
            f"{each['bias_hours']:+} h",
            f"{each['width_hours']} h",
        )
        for each in found
    ]
    print_table(("border", "from", "crossings", "within", "bias", "width"), rows)
