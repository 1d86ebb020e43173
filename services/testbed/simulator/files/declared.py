"""What each simulated party declares once to the reader of its files: its clock, its company, and what its codes mean."""

from __future__ import annotations

from collections.abc import Mapping

from services.producers.formats.model import Settings
from services.testbed.simulator.cast import CAST
from services.testbed.simulator.files import eaeu_receipts, natural_list, ncts, taf
from services.testbed.simulator.files.ncts_message import SYSTEMS
from services.testbed.simulator.transit import HOLDER

_COMPANIES = {"xianport": "cr", "zzport": "cr", "suzhouport": "cr"}
"""Whose train numbers stand in the lists of operators; railways have their own."""


def settings(party: str) -> Settings:
    """What ``party`` declares."""
    railway = party if "railway" in CAST[party].roles else ""
    zones = {natural_list.FORMAT: natural_list.WORKING} if party in natural_list.RAILWAYS else {}
    return Settings(party, CAST[party].zone, _COMPANIES.get(party, railway), zones, _choices(party))


def _choices(party: str) -> Mapping[str, Mapping[str, str]]:
    if party in taf.RAILWAYS:
        named = {f"plc:{code}": f"railnet:{station}" for station, code in taf.locations().items()}
        return {taf.FORMAT: {**named, "grace_hours": f"{taf.GRACE_HOURS}"}}
    if party in eaeu_receipts.COUNTRIES:
        return {eaeu_receipts.FORMAT: {"system": "eaeu-td", "jurisdiction": eaeu_receipts.COUNTRIES[party]}}
    if party in SYSTEMS or party in HOLDER:
        return {ncts.FORMAT: {system: customs for customs, system in SYSTEMS.items()}}
    return {}
