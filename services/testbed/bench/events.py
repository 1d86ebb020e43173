"""What the partners of the benchmark say: one function per kind of event, each drawing its particulars.

The payloads are written as text, because making them must cost next to nothing beside signing them; a test reads a
sample of every kind through the real decoder.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from math import log
from random import Random
from typing import Final, NamedTuple

from services.testbed.bench import world as w

MEDIAN_BYTES: Final = 800
_SPREAD: Final = 0.22
_LEAST, _MOST = 420, 2_400
_LONGEST_REMARK: Final = 200
_TEXTS = {
    "zh": "集装箱外观完好，铅封完整，车号与货票核对一致，已按运行图正点到达，换装作业按计划进行，无异常情况。",
    "ru": "Контейнер осмотрен, пломбы исправны, номер вагона соответствует накладной, погрузка выполнена по плану. ",
    "pl": "Kontener sprawdzony, plomby nienaruszone, numer wagonu zgodny z listem przewozowym, przeładunek w planie. ",
    "de": "Behälter geprüft, Siegel unversehrt, Wagennummer stimmt mit dem Frachtbrief überein, Umschlag nach Plan. ",
    "en": "Container inspected, seals intact, wagon number agrees with the consignment note, handling as planned. ",
}
_REMARKS = {language: (text * 5)[:_LONGEST_REMARK] for language, text in _TEXTS.items()}
_WIDTH = {language: len(text.encode()) / len(text) for language, text in _REMARKS.items()}
LANGUAGE = {
    "cr": "zh", "xianport": "zh", "gacc": "zh", "xian-terminal": "zh", "sinolink": "zh", "qinling": "zh",
    "ktz": "ru", "rzd": "ru", "bch": "ru", "eaeu-kz": "ru", "eaeu-ru": "ru", "eaeu-by": "ru",
    "pkp": "pl", "eu-pl": "pl", "duisport": "de", "eu-de": "de",
}  # fmt: skip
"""In which language a party remarks; the others write English."""


def _relay(blocks: int, variant: int) -> str:
    """A relayed message of 3 * ``blocks`` bytes, one of several."""
    message = (f"TLGM{variant:04d} " + "RPS 7001 CNT 45G1 SL OK ; " * 100)[: 3 * blocks].encode()
    digest, carried = hashlib.sha256(message).hexdigest(), b64encode(message).decode()
    return f'"relay":{{"authority":"cr","message_sha256":"{digest}","message_b64":"{carried}"}}'


_VARIANTS = 4
_SMALLEST = 8
_RELAYS = [[_relay(blocks, variant) for variant in range(_VARIANTS)] for blocks in range(_SMALLEST, 480)]
_RELAY_BYTES = len(_RELAYS[0][0]) + 1


def fill(random: Random, party: str, size: int, relayed: bool) -> str:
    """Members of a JSON object, with a leading comma, that bring a payload of ``size`` bytes to a drawn length.

    The median of the drawn lengths is MEDIAN_BYTES. Only a milestone may be ``relayed``.
    """
    wanted = random.lognormvariate(log(MEDIAN_BYTES), _SPREAD)
    missing = int(min(max(wanted, _LEAST), _MOST)) - size + 6
    language = LANGUAGE.get(party, "en")
    width = _WIDTH[language]
    if missing <= 0:
        return ""
    if missing <= width * _LONGEST_REMARK or not relayed:
        return f',"remark":"{_REMARKS[language][: int(missing / width)]}"' if missing >= width else ""
    blocks = (missing - _RELAY_BYTES) // 4
    if blocks < 0:
        return f',"remark":"{_REMARKS[language]}"'
    # The message takes what it can, the remark the rest.
    relay = _RELAYS[min(blocks, len(_RELAYS) - 1)][random.randrange(_VARIANTS)]
    return f",{relay}"


MINUTE = 60_000_000
_ZONES = {"ktz": 5, "eaeu-kz": 5, "rzd": 3, "bch": 3, "eaeu-ru": 3, "eaeu-by": 3, "pkp": 1, "eu-pl": 1, "eu-de": 1,
          "duisport": 1, "hansa": 1}  # fmt: skip
_OFFSETS = {party: timezone(timedelta(hours=hours)) for party, hours in _ZONES.items()}
_CHINA = timezone(timedelta(hours=8))
_RAILWAYS = tuple(w.STATIONS)
_CUSTOMS = {"gacc": "CN", "eaeu-kz": "KZ", "eaeu-ru": "RU", "eaeu-by": "BY", "eu-pl": "PL", "eu-de": "DE"}


class Statement(NamedTuple):
    """One statement: who, which type, the object that its Kafka key names, the payload, and how many consignments it
    concerns. ``happened`` is the time within ``payload`` as written, "" where there is none."""

    party: str
    type: str
    key: str
    payload: str
    reaches: int
    happened: str = ""


def clock(party: str, micros: int) -> str:
    """An instant in UTC microseconds as ``party`` writes it: RFC 3339 in its own zone, to the second."""
    return datetime.fromtimestamp(micros // 1_000_000, _OFFSETS.get(party, _CHINA)).isoformat()


def salt(random: Random) -> str:
    """A payload's salt."""
    return f"{random.getrandbits(128):032x}"


def milestone(
    random: Random,
    party: str,
    name: str,
    at: int,
    target: tuple[str, str],
    *,
    place: str = "",
    run: str = "",
    extra: str = "",
    reaches: int = 1,
) -> Statement:
    """``party`` reports ``name`` of ``target`` (kind, id) at about ``at``: mostly as a fact, some as an expectation."""
    kind, identifier = target
    chance = random.random()
    classifier, hours = ("ACT", 0) if chance < 0.85 else ("EST", 6) if chance < 0.95 else ("PLN", 24)
    happened = clock(party, at - random.randrange(30 * MINUTE) + hours * 60 * MINUTE)
    written = f"{happened[8:10]}.{happened[5:7]}.{happened[:4]} {happened[11:16]}"
    where = f',"place":"{place}"' if place else ""
    visit = f',"occurrence":"{run}"' if run else ""
    body = (
        f'{{"salt":"{salt(random)}","classifier":"{classifier}","happened":"{happened}"'
        f',"happened_as_written":"{written}"{where}{visit}'
        f',"objects":[{{"kind":"{kind}","id":"{identifier}"}}]{extra}'
    )
    payload = f"{body}{fill(random, party, len(body), relayed=True)}}}"
    return Statement(party, f"cre.{name}.v1", identifier, payload, reaches, happened)


def of_box(random: Random, box: str, at: int) -> Statement:
    """A movement of one container: stations on the way, the two terminals, now and then a broken seal."""
    chance, target = random.random(), ("container", box)
    if chance < 0.62:
        railway = random.choice(_RAILWAYS)
        place = f"railnet:{random.choice(w.STATIONS[railway])}"
        party = railway if random.random() < 0.85 else "xianport"
        name = "movement.departed" if random.random() < 0.5 else "movement.arrived"
        return milestone(random, party, name, at, target, place=place, run="cr-x8-2026-03-01")
    if chance < 0.70:
        party, place = random.choice((("ktz", "railnet:dostyk"), ("pkp", "railnet:malaszewicze")))
        gauges = ("1435", "1520") if party == "ktz" else ("1520", "1435")
        extra = f',"gauge_from":{gauges[0]},"gauge_to":{gauges[1]},"method":"CRANE"'
        return milestone(random, party, "movement.transshipped", at, target, place=place, extra=extra)
    if chance < 0.82:
        party = random.choice(("xian-terminal", "xianport"))
        name = random.choice(("movement.gated_in", "movement.loaded_on_wagon"))
        extra = f',"seals":["CN{random.randrange(10**7):07d}"]' if name == "movement.gated_in" else ""
        return milestone(random, party, name, at, target, place=w.ORIGIN, extra=extra)
    if chance < 0.97:
        party = random.choice(("duisport", "xianport"))
        name = random.choice(("arrived_at_destination", "unloaded", "available", "gated_out"))
        return milestone(random, party, f"movement.{name}", at, target, place=w.DESTINATION)
    railway = random.choice(_RAILWAYS)
    place = f"railnet:{random.choice(w.STATIONS[railway])}"
    held = random.random() < 0.5
    name, extra = (
        ("movement.train_held", ',"reason":"CONGESTION"') if held else ("movement.train_resumed", "")
    )
    return milestone(random, railway, name, at, target, place=place, extra=extra)


def of_customs(random: Random, target: tuple[str, str], at: int) -> Statement:
    """A step before one of six customs administrations, about a container or a declaration."""
    party = random.choice(tuple(_CUSTOMS))
    name, extra = random.choice(
        (
            ("customs.selected_for_inspection", ',"method":"SCAN"'),
            ("customs.inspection_passed", ""),
            ("customs.released", ',"procedure":"TRANSIT"'),
            ("customs.exit_cleared", ""),
            ("customs.accepted", ""),
        )
    )
    speaker = party if random.random() < 0.85 else "xianport"
    office = (
        f',"jurisdiction":"{_CUSTOMS[party]}","procedure_office":"{_CUSTOMS[party]}{random.randrange(9):04d}"'
    )
    return milestone(random, speaker, name, at, target, extra=office + extra)


def of_note(random: Random, note: str, at: int) -> Statement:
    """A step of a consignment note."""
    party = random.choice(("cr", "cr", "xianport"))
    if random.random() < 0.6:
        extra = f',"form":"SMGS","commodities":["850440"],"gross_weight_kg":{random.randrange(8_000, 28_000)}'
        return milestone(
            random, party, "document.note_issued", at, ("note", note), place=w.ORIGIN, extra=extra
        )
    extra = f',"order_number":"{random.randrange(1, 9)}","concerns":"SEALS"'
    return milestone(random, party, "document.note_amended", at, ("note", note), place=w.ORIGIN, extra=extra)


def of_paper(random: Random, consignment: int, at: int) -> Statement:
    """A booking or a trade paper of a consignment."""
    party, target = w.founder(consignment), ("consignment", w.key(consignment))
    chance = random.random()
    if chance < 0.4:
        return milestone(random, party, "movement.booking_confirmed", at, target)
    number = f'"document_id":"PL-{random.randrange(10**8):08d}","issue_date":"2026-02-27"'
    if chance < 0.7:
        extra = f',{number},"package_quantity":{random.randrange(1, 999)},"gross_weight_kg":21500'
        return milestone(random, party, "document.packing_list_issued", at, target, extra=extra)
    seller, buyer = '{"scheme":"PARTY","id":"qinling"}', '{"scheme":"PARTY","id":"ruhr"}'
    amount = f'{{"minor_units":{random.randrange(10**5, 10**8)},"currency_code":"EUR"}}'
    extra = f',{number},"seller_party":{seller},"buyer_party":{buyer},"grand_total_amount":{amount}'
    return milestone(random, party, "document.invoice_issued", at, target, extra=extra)


def of_train(random: Random, world: w.World, at: int, position: bool) -> Statement:
    """A train is somewhere (``position``), or left or reached a station; it concerns all that it carries."""
    number = random.randrange(world.trains)
    railway = random.choice(_RAILWAYS)
    stations = w.STATIONS[railway]
    here = random.randrange(len(stations))
    extra = ""
    if position:
        name = "movement.position_reported"
        following = stations[(here + 1) % len(stations)]
        extra = f',"next_place":"railnet:{following}","delay_minutes":{random.randrange(240)}'
    else:
        name = "movement.departed" if random.random() < 0.5 else "movement.arrived"
    return milestone(
        random,
        railway,
        name,
        at,
        ("train", w.train(number)),
        place=f"railnet:{stations[here]}",
        run=f"x{8_000 + number}",
        extra=extra,
        reaches=len(world.riders(number)),
    )


def link(random: Random, party: str, name: str, key: str, body: str, at: int, reaches: int = 1) -> Statement:
    """A link of ``party`` with ``body`` behind its salt, in force from about ``at``."""
    start = clock(party, at - random.randrange(30 * MINUTE))
    text = f'{{"salt":"{salt(random)}","from":"{start}",{body}'
    payload = f"{text}{fill(random, party, len(text), relayed=False)}}}"
    return Statement(party, f"cre.link.{name}.v1", key, payload, reaches, start)


def publication(micros: int) -> str:
    """A time of publication, in UTC and to the microsecond."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="microseconds")
