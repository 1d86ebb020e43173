"""32 lies, each in one value or fact of an honest consignment, with its truth: the checks that concern it, the paper and the line.

Numbers are moved by 6 % at least, codes to another of their form, days by at least three. A lie that a consignment has no value for,
or that nothing in its papers can show, is not planted in it (``None``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Final, NamedTuple

from services.testbed.paper_evaluation.worlds import BUYERS, Consignment, Fields, World, ended
from services.testbed.trade_messages import DAY, stated
from services.testbed.trade_papers import CENT, box_number, goods_line
from services.trade.domain.checks.amounts import CN_TERMS
from services.trade.domain.paper import Kind, Reference, ReferenceKind
from services.trade.domain.values import Field, Place
from services.trade.formats import write_paper

NUMBER, CODE, WORD = "number", "code", "word"


@dataclass(frozen=True)
class Truth:
    """Where a lie is: the stem of its paper, "" for several, and the position of its line from one on, 0 for the whole paper."""

    stem: str
    line: int = 0


class Lie(NamedTuple):
    """A lie: its name, whether it is in a number, a code or words, the checks that concern it, and how it is planted."""

    name: str
    kind: str
    checks: tuple[str, ...]
    plant: Callable[[Random, World, Consignment], Truth | None]


def _moved(random: Random, value: Decimal, step: Decimal = CENT) -> Decimal:
    """``value`` times 0.4 to 0.94 or 1.06 to 1.9, never less than a unit of ``step`` away."""
    factor = Decimal(random.choice((random.randrange(40, 95), random.randrange(106, 191)))) / 100
    moved = (value * factor).quantize(step, ROUND_HALF_UP)
    return moved if abs(moved - value) >= step else value + step


def _line(random: Random, consignment: Consignment, kind: str) -> tuple[Truth, Fields]:
    stem = random.choice(consignment.of(kind))
    at = random.randrange(len(consignment.papers[stem]["lines"]))
    return Truth(stem, at + 1), consignment.papers[stem]["lines"][at]


def _number_of_line(
    kind: str, name: str, step: str = "0.01"
) -> Callable[[Random, World, Consignment], Truth]:
    def plant(random: Random, _: World, consignment: Consignment) -> Truth:
        truth, line = _line(random, consignment, kind)
        line[name] = _moved(random, line[name], Decimal(step))
        return truth

    return plant


def _number_of_paper(
    kind: str, name: str, step: str = "0.01"
) -> Callable[[Random, World, Consignment], Truth | None]:
    def plant(random: Random, _: World, consignment: Consignment) -> Truth | None:
        stem = random.choice(consignment.of(kind))
        fields = consignment.papers[stem]
        if not fields[name]:
            return None
        fields[name] = _moved(random, Decimal(fields[name]), Decimal(step))
        return Truth(stem)

    return plant


def _extra_line(random: Random, _: World, consignment: Consignment) -> Truth:
    (truth, _line_of), fields = _line(random, consignment, "dt"), consignment.papers
    lines = fields[truth.stem]["lines"]
    extra = goods_line(random, len(lines) + 1)
    extra |= {
        "cn": "4202921900",
        "hs6": "420292",
        "eaeu": "4202921900",
        "customs_value": extra["amount"] * fields[truth.stem]["rate"],
    }
    extra["customs_value"] = extra["customs_value"].quantize(CENT)
    lines.append(extra)
    return Truth(truth.stem, len(lines))


def _undervalued(random: Random, _: World, consignment: Consignment) -> Truth | None:
    """Both boxes 22 and 42 of the EAEU declaration: it adds up by itself, and so does its customs value."""
    if len(consignment.of("invoice")) == 1 and "resale" in consignment.traits:
        return None  # where only the reseller's invoice is there, its price is not what China was shown
    truth, line = _line(random, consignment, "dt")
    fields = consignment.papers[truth.stem]
    new = (line["amount"] * Decimal(random.randrange(40, 94)) / 100).quantize(CENT)
    fields["total"] += new - line["amount"]
    line["customs_value"] = (line["customs_value"] * new / line["amount"]).quantize(CENT)
    line["amount"] = new
    return truth


def _chinese_amount(random: Random, world: World, consignment: Consignment) -> Truth | None:
    if "resale" in consignment.traits and len(consignment.of("invoice")) == 1:
        return None  # nothing shows the first price but the declaration itself
    return _number_of_line("cn", "amount")(random, world, consignment)


def _customs_value(random: Random, _: World, consignment: Consignment) -> Truth:
    truth, line = _line(random, consignment, "dt")
    line["customs_value"] = (
        line["customs_value"]
        * Decimal(random.choice((random.randrange(30, 85), random.randrange(145, 200))))
        / 100
    ).quantize(CENT)
    return truth


def _freight(random: Random, _: World, consignment: Consignment) -> Truth | None:
    fields = consignment.papers["cn"]
    if not fields["freight"]:
        return None
    fields["freight"] *= 20 if random.random() < 0.5 else Decimal("0.01")
    fields["freight"] = fields["freight"].quantize(CENT)
    return Truth("cn")


def _chinese_terms(random: Random, _: World, consignment: Consignment) -> Truth | None:
    if "resale" in consignment.traits and "invoice-2" not in consignment.papers:
        return None
    if "resale" in consignment.traits and not consignment.forms.get("invoice-2"):
        return None  # the album's invoice has no terms
    fields = consignment.papers["cn"]
    fields["terms"] = random.choice(sorted({*CN_TERMS.values()} - {fields["terms"]}))
    return Truth("cn")


def _place(random: Random, _: World, consignment: Consignment) -> Truth:
    """All papers name a place that the terms do not allow."""
    place = random.choice(("Hamburg", "Duisburg"))
    for fields in consignment.papers.values():
        if fields.get("place"):
            fields["place"] = place
    return Truth("")


def _currency(random: Random, _: World, consignment: Consignment) -> Truth | None:
    stem = random.choice(consignment.of("dt"))
    fields = consignment.papers[stem]
    fields["currency"] = random.choice(sorted({"USD", "EUR", "CNY"} - {fields["currency"]}))
    return Truth(stem)


def _rate(random: Random, world: World, consignment: Consignment) -> Truth | None:
    """The rate of another week."""
    stem = random.choice(consignment.of("dt"))
    fields = consignment.papers[stem]
    money = "KZT" if fields["lodged_in"] == "KZ" else "RUB"
    day = fields["day"] + timedelta(days=random.choice((-1, 1)) * random.randrange(3, 12))
    new = world.rate(money, fields["currency"], max(day, world.first))
    near = {world.rate(money, fields["currency"], fields["day"] + timedelta(days=n)) for n in (-1, 0, 1)}
    if any(abs(new - each) <= each / 5_000 for each in near):
        return None  # the same number on two days is no lie
    for line in fields["lines"]:
        line["customs_value"] = (line["customs_value"] * new / fields["rate"]).quantize(CENT)
    fields["rate"] = new
    return Truth(stem)


def _subheading(random: Random, _: World, consignment: Consignment) -> Truth:
    truth, line = _line(random, consignment, random.choice(("cn", "dt")))
    new = line["hs6"][:4] + f"{(int(line['hs6'][4:]) + random.randrange(1, 99)) % 100:02}"
    line["hs6"], line["cn"], line["eaeu"] = new, new + line["cn"][6:], new + line["eaeu"][6:]
    return truth


def _ended_code(random: Random, _: World, consignment: Consignment) -> Truth:
    kind = random.choice(("cn", "dt"))
    truth, line = _line(random, consignment, kind)
    name = "cn" if kind == "cn" else "eaeu"
    line[name] = ended(line[name])
    return truth


def _article(random: Random, _: World, consignment: Consignment) -> Truth:
    truth, line = _line(random, consignment, "dt")
    line["article"] = f"Q{random.randrange(10_000, 99_999)}X"
    return truth


def _vague(random: Random, _: World, consignment: Consignment) -> Truth:
    truth, line = _line(random, consignment, "note")
    line["ru"], line["article"] = random.choice(("запчасти", "сборный груз")), ""
    return truth


def _origin(random: Random, _: World, consignment: Consignment) -> Truth:
    truth, line = _line(random, consignment, random.choice(("cn", "dt")))
    line["origin"] = random.choice(("VN", "TH", "KR"))
    return truth


def _certificate(random: Random, _: World, consignment: Consignment) -> Truth:
    stem = random.choice(consignment.of("dt"))
    fields = consignment.papers[stem]
    fields["certified"] = consignment.papers["invoice"]["day"] - timedelta(days=random.randrange(3, 30))
    return Truth(stem)


def _net_above_gross(random: Random, _: World, consignment: Consignment) -> Truth:
    truth, line = _line(random, consignment, "packing")
    line["net"], line["gross"] = line["gross"] + 1, line["net"]
    return truth


def _overloaded(_random: Random, _: World, consignment: Consignment) -> Truth:
    """Every mass of every paper is that of more than the boxes can carry."""
    factor = (
        Decimal(29_500 * len(consignment.papers["note"]["boxes"])) / consignment.papers["packing"]["gross"]
    )
    for fields in consignment.papers.values():
        for each in (fields, *fields.get("lines", ())):
            for name in ("gross", "net"):
                if name in each:
                    each[name] = (each[name] * factor).quantize(Decimal("0.001"))
        if "loads" in fields:
            fields["loads"] = [(each * factor).quantize(Decimal(1)) for each in fields["loads"]]
    return Truth("note")


def _packages(random: Random, _: World, consignment: Consignment) -> Truth | None:
    stem = random.choice([*consignment.of("packing"), *consignment.of("cn"), *consignment.of("dt"), "td"])
    if stem == "cn" and "pallets" in consignment.traits:
        return None  # no other paper counts pallets
    fields = consignment.papers[stem]
    fields["packages"] = int(_moved(random, Decimal(fields["packages"]), Decimal(1)))
    return Truth(stem)


def _quantity(random: Random, world: World, consignment: Consignment) -> Truth:
    return _number_of_line(random.choice(("cn", "dt", "packing")), "quantity", "1")(
        random, world, consignment
    )


def _box(random: Random, _: World, consignment: Consignment) -> Truth:
    stem = random.choice([*consignment.of("cn"), *consignment.of("dt"), "td"])
    for each in consignment.of("dt") if stem.startswith("dt") else [stem]:
        consignment.papers[each]["boxes"] = [box_number(random), *consignment.papers[each]["boxes"][1:]]
    return Truth(stem)


def _seal(random: Random, _: World, consignment: Consignment) -> Truth:
    fields = consignment.papers["td"]
    fields["seals"] = [f"XX{random.randrange(10**7):07}", *fields["seals"][1:]]
    return Truth("td")


def _consignee(random: Random, _: World, consignment: Consignment) -> Truth:
    stem = random.choice(consignment.of("dt"))
    fields = consignment.papers[stem]
    other = next(each for each in BUYERS[fields["lodged_in"]] if each.number != fields["inn"])
    fields["buyer"], fields["inn"] = other.name, other.number
    return Truth(stem)


def _late_invoice(random: Random, _: World, consignment: Consignment) -> Truth:
    fields = consignment.papers["invoice"]
    fields["day"] = consignment.papers["cn"]["day"] + timedelta(days=random.randrange(3, 30))
    return Truth("invoice")


def _not_followed(random: Random, _: World, consignment: Consignment) -> Truth | None:
    """A price was corrected in the EAEU and China's declaration still states the old one."""
    fields = consignment.papers["dt"]
    if len(consignment.papers["cn"]["lines"]) != len(fields["lines"]) or "resale" in consignment.traits:
        return None  # a line of several goods has no one price before and after
    at = random.randrange(len(fields["lines"]))
    new = {**fields, "lines": [dict(each) for each in fields["lines"]]}
    new["lines"][at]["amount"] = _moved(random, new["lines"][at]["amount"])
    declared = stated(Kind.EAEU_DECLARATION, new)
    place = Place("", "")
    named = Reference(ReferenceKind.DECLARATION, Field(fields["id"], fields["id"], place))
    corrected = replace(
        declared, kind=Kind.EAEU_CORRECTION, id="K1", number=Field(f"{fields['id']}/01", "1", place),
        references=(*declared.references, named), lines=(declared.lines[at],),
    )  # fmt: skip
    consignment.added["kdt.xml"] = write_paper(corrected, DAY)
    return Truth("cn", at + 1)


LIES: Final = (
    Lie("a line that no other paper has", WORD, ("D00",), _extra_line),
    Lie("unit price in the invoice", NUMBER, ("D01",), _number_of_line("invoice", "price", "0.0001")),
    Lie("total of the invoice", NUMBER, ("D01", "D02", "D03"), _number_of_paper("invoice", "total")),
    Lie("amount of a line in China's declaration", NUMBER, ("D02", "D04"), _chinese_amount),
    Lie("box 22", NUMBER, ("D03",), _number_of_paper("dt", "total")),
    Lie("boxes 22, 42 and 45 lower than the price", NUMBER, ("D03", "D04"), _undervalued),
    Lie("customs value", NUMBER, ("D05",), _customs_value),
    Lie("freight", NUMBER, ("D05", "D06"), _freight),
    Lie("terms in China's declaration", CODE, ("D07",), _chinese_terms),
    Lie("place of the terms", WORD, ("D08",), _place),
    Lie("currency of the EAEU declaration", CODE, ("D09",), _currency),
    Lie("rate of another week", NUMBER, ("D10",), _rate),
    Lie("subheading", CODE, ("D11", "D00"), _subheading),
    Lie("national code out of force", CODE, ("D12",), _ended_code),
    Lie("article", CODE, ("D13",), _article),
    Lie("vague description", WORD, ("D14",), _vague),
    Lie("origin", CODE, ("D15",), _origin),
    Lie("certificate before the invoice", NUMBER, ("D16",), _certificate),
    Lie("net above gross", NUMBER, ("D17",), _net_above_gross),
    Lie("gross mass in China's declaration", NUMBER, ("D18", "D19", "D20"), _number_of_paper("cn", "gross")),
    Lie("gross mass of an item in box 35", NUMBER, ("D19",), _number_of_line("dt", "gross", "0.001")),
    Lie("gross mass of the rail note", NUMBER, ("D20",), _number_of_paper("note", "gross", "1")),
    Lie("load of a box", NUMBER, ("D21",), lambda random, _, each: _load(random, each)),
    Lie("net mass of an item in box 38", NUMBER, ("D22", "D17"), _number_of_line("dt", "net", "0.001")),
    Lie("more than the boxes carry", NUMBER, ("D23",), _overloaded),
    Lie("number of packages", NUMBER, ("D24",), _packages),
    Lie("quantity", NUMBER, ("D25",), _quantity),
    Lie("container", CODE, ("D26",), _box),
    Lie("seal", CODE, ("D27",), _seal),
    Lie("consignee", CODE, ("D28",), _consignee),
    Lie("invoice after the declaration", NUMBER, ("D29",), _late_invoice),
    Lie("correction that China's declaration did not follow", NUMBER, ("D30",), _not_followed),
)  # fmt: skip


def _load(random: Random, consignment: Consignment) -> Truth | None:
    """One box holds more or less by more than the tolerance of weighing."""
    loads = consignment.papers["note"]["loads"]
    whole = consignment.papers["packing"]["gross"]
    least = max(whole / 20, Decimal(500)) * Decimal("1.4")
    moved = loads[0] + least if random.random() < 0.5 else loads[0] - least
    if moved < 0:
        return None
    consignment.papers["note"]["loads"] = [moved.quantize(Decimal(1)), *loads[1:]]
    return Truth("note")
