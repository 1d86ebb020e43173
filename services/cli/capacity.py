"""`lianyun capacity`: how many partitions, workers, cores and how much disk so many trains a year take."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.monitoring.capacity.presentation import lines
from services.monitoring.capacity.sizing import Demand, load_figures, size

_DEFAULT = Demand(0)


def capacity(
    trains_per_year: Annotated[int, typer.Option(min=0, help="Trains a year.")],
    boxes_per_train: Annotated[
        int, typer.Option(min=1, help="Containers of a train.")
    ] = _DEFAULT.boxes_per_train,
    events_per_box: Annotated[
        int, typer.Option(min=1, help="Business events of a container's journey.")
    ] = _DEFAULT.events_per_box,
    telemetry_per_hour: Annotated[
        float, typer.Option(min=0.0, help="Messages an hour of each container under way.")
    ] = _DEFAULT.telemetry_per_hour,
    boxes_under_way: Annotated[
        int | None, typer.Option(min=0, help="Containers that send them; else what 18 days of journey make.")
    ] = None,
    peak: Annotated[float, typer.Option(min=1.0, help="Times the mean that must be borne.")] = _DEFAULT.peak,
    busy: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Share of a core that may be used at the peak.")
    ] = _DEFAULT.busy,
    years: Annotated[int, typer.Option(min=1, help="For how long events are kept.")] = _DEFAULT.years,
    kafka_days: Annotated[int, typer.Option(min=1, help="Retention of the topics.")] = _DEFAULT.kafka_days,
    kafka_replicas: Annotated[int, typer.Option(min=1)] = _DEFAULT.kafka_replicas,
    as_json: AsJson = False,
) -> None:
    """Compute partitions, workers, cores and disk from trains a year, by what an event was measured to cost."""
    demand = Demand(
        trains_per_year,
        boxes_per_train,
        events_per_box,
        telemetry_per_hour,
        boxes_under_way=boxes_under_way,
        peak=peak,
        busy=busy,
        years=years,
        kafka_days=kafka_days,
        kafka_replicas=kafka_replicas,
    )
    figures = load_figures()
    try:
        found = size(demand, figures)
    except ValueError as wrong:
        raise Failure(Exit.USAGE, str(wrong), "lianyun capacity --help") from None
    if as_json:
        needed = {**asdict(found), "disk_bytes": found.disk_bytes}
        print_json({"asked": asdict(demand), "needed": needed, "measured": figures.model_dump()})
        return
    print_table(("", ""), lines(demand, found))
    for section in (figures.processing, figures.storage):
        out.print(f"measured by `{section.command}` on {section.hardware}", markup=False)
