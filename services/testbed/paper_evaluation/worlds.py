"""Worlds of honest consignments: shippers, resellers, brokers, two customs, rates and tariff, by rail and by sea, with the noise of the trade.

All is drawn from the seed of the world and the number of the consignment; names, rates and codes are invented. What is honest and
looks otherwise is a trait: rounding, merged and split papers, pallets, box tare, a forwarder as consignee, transliteration, days of
two zones, reloading, resale at two lawful prices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from random import Random
from typing import Any, Final, NamedTuple

from services.testbed.trade_messages import DAY, sheet, stated
from services.testbed.trade_papers import CENT, box_number, goods_line, merged_lines
from services.trade.domain.checks.amounts import CN_TERMS
from services.trade.domain.official_tables import MONEY_OF
from services.trade.domain.paper import BUYER_PAYS, Kind
from services.trade.formats import write_paper

Fields = dict[str, Any]
KINDS: Final = {
    "invoice": Kind.INVOICE, "packing": Kind.PACKING_LIST, "note": Kind.RAIL_NOTE, "cn": Kind.CN_DECLARATION,
    "dt": Kind.EAEU_DECLARATION, "td": Kind.EAEU_TRANSIT,
}  # fmt: skip
_FIRST, _LAST = date(2026, 2, 1), date(2026, 6, 1)
_SOURCE: Final = "invented for a simulated world"


class Company(NamedTuple):
    """A company with its number and its names as papers of both sides write them."""

    number: str
    name: str
    latin: tuple[str, ...] = ()


SHIPPERS: Final = (
    Company("91610131MA6TXY8K3D", "XI'AN DRAGON IMPORT AND EXPORT CO., LTD"),
    Company("91500000MA5U7H2T4C", "CHONGQING WESTERN TRADE CO., LTD"),
    Company("91210100MA0P4K7R2X", "SHENYANG NORTHERN MACHINERY CO., LTD"),
    Company("91370200MA3C5D8E6F", "QINGDAO OCEAN LIGHT INDUSTRIAL CO., LTD"),
)
BUYERS: Final = {
    "RU": (
        Company("7707083893", "ООО «СЕВЕРНЫЙ ИМПОРТ»", ("SEVERNY IMPORT LLC", "SEVERNYI IMPORT OOO", "OOO SEVERNYY IMPORT")),
        Company("7812345678", "АО «ВОСТОК-ТЕХНО»", ("VOSTOK-TEKHNO JSC", "VOSTOK TEHNO AO")),
        Company("2540123456", "ООО «ЖЕМЧУЖИНА ПРИМОРЬЯ»", ("ZHEMCHUZHINA PRIMORYA LLC", "OOO ZHEMCHUZHINA PRIMORIA")),
    ),
    "KZ": (
        Company("150440001234", "ТОО «АЛАТАУ ТРЕЙД»", ("ALATAU TREID LLP", "ALATAU TREYD TOO")),
        Company("080540007654", "ТОО «СТЕПНОЙ ДОМ»", ("STEPNOI DOM LLP", "STEPNOY DOM TOO")),
    ),
}  # fmt: skip
FORWARDERS: Final = (
    Company("7701234567", "ООО «ТРАНЗИТ-ЭКСПРЕСС»"),
    Company("160140009876", "ТОО «КАСПИЙ ЛОГИСТИК»"),
)
BROKERS: Final = (
    Company("7725000001", "ООО «ТАМОЖЕННЫЙ БРОКЕР»"),
    Company("170240001111", "ТОО «БРОКЕР КЗ»"),
)
RESELLERS: Final = (("HK", "GOLDEN BRIDGE TRADING LIMITED"), ("AE", "DESERT STAR GENERAL TRADING"))


class Route(NamedTuple):
    """A journey: where it begins by the papers' words, over which border, where it ends, and which customs take the goods."""

    cities: tuple[tuple[str, str], ...]
    border: str
    ends: tuple[tuple[str, str], ...]
    country: str
    by_sea: bool = False


_MOSCOW: Final = (("Ворсино", "Moscow"), ("Электроугли", "Moscow"), ("Белый Раст", "Москва"))
ROUTES: Final = {
    "Manzhouli-Zabaikalsk": Route(
        (("西安国际港", "Xi'an"), ("重庆团结村", "Chongqing"), ("沈阳东", "Shenyang"), ("哈尔滨", "Harbin")), "Забайкальск", _MOSCOW, "RU"
    ),
    "Qingdao-Vladivostok": Route((("青岛港", "Qingdao"),), "Владивосток", _MOSCOW, "RU", by_sea=True),
    "Alashankou-Dostyk": Route((("西安国际港", "Xi'an"), ("乌鲁木齐", "Urumqi")), "Достык", (("Алматы-1", "Almaty"),), "KZ"),
}  # fmt: skip


@dataclass
class Consignment:
    """The papers of one consignment by the stem of their file, how each is saved, its traits, and files that are added as they are."""

    papers: dict[str, Fields]
    forms: dict[str, str]
    traits: frozenset[str]
    added: dict[str, bytes] = field(default_factory=dict)

    def of(self, kind: str) -> list[str]:
        """The stems of the papers of a kind."""
        return [stem for stem in self.papers if stem.partition("-")[0] == kind]

    def file(self, stem: str) -> str:
        """The name of the file of a paper."""
        form = self.forms.get(stem, "")
        return f"{stem}.{'xml' if not form else 'xlsx' if form == 'xlsx' else 'csv'}"

    def files(self) -> dict[str, bytes]:
        """Each paper as it is saved."""
        made = {self.file(stem): self._written(stem, fields) for stem, fields in self.papers.items()}
        return {**made, **self.added}

    def _written(self, stem: str, fields: Fields) -> bytes:
        kind = KINDS[stem.partition("-")[0]]
        if form := self.forms.get(stem):
            return sheet(kind, fields, form)
        encoding = {"cn": "GB18030", "dt": "windows-1251"}.get(stem.partition("-")[0], "UTF-8")
        written = write_paper(stated(kind, fields), DAY, encoding)
        return _with_certificate(written, fields, encoding) if kind is Kind.EAEU_DECLARATION else written


def _with_certificate(declaration: bytes, fields: Fields, encoding: str) -> bytes:
    """The declaration with a certificate of origin among the documents of its first item; the writer has no code for one."""
    document = (
        f"<ESADout_CUPresentedDocument><cat:PrDocumentNumber>{fields['certificate']}</cat:PrDocumentNumber>"
        f"<cat:PrDocumentDate>{fields['certified']}</cat:PrDocumentDate>"
        "<esad:PresentedDocumentModeCode>06000</esad:PresentedDocumentModeCode></ESADout_CUPresentedDocument>"
    )
    opened = b"<ESADout_CUPresentedDocument>"
    return declaration.replace(opened, document.encode(encoding) + opened, 1)


class World:
    """One world: its tables, and as many consignments as are taken."""

    first = _FIRST
    """The first day that has rates."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @cached_property
    def _rates(self) -> dict[tuple[str, str], dict[date, Decimal]]:
        found: dict[tuple[str, str], dict[date, Decimal]] = {}
        for money, start in (("RUB", 1), ("KZT", 6)):
            for currency, worth in (("USD", 85), ("EUR", 95), ("CNY", 12)):
                random = Random(f"{self.seed}/{money}/{currency}")
                value = float(worth * start)
                days = {}
                for n in range((_LAST - _FIRST).days):
                    value *= 1 + random.gauss(0, 0.006)
                    days[_FIRST + timedelta(n)] = Decimal(f"{value:.4f}")
                found[money, currency] = days
        return found

    def rate(self, money: str, currency: str, day: date) -> Decimal:
        """The rate of the world's authority on ``day``."""
        return self._rates[money, currency][day]

    @cached_property
    def rates(self) -> bytes:
        """The world's table of rates."""
        rows = [
            f"{money},{currency},1,{value},{day},{day + timedelta(1)},{_SOURCE}"
            for (money, currency), days in self._rates.items()
            for day, value in days.items()
        ]
        return "\n".join(["money,currency,units,rate,valid_from,valid_to,source", *rows]).encode()

    def tariff(self, consignments: list[Consignment]) -> bytes:
        """The codes of both sides that honest ``consignments`` declare, in force since 2022, and one for each that is no longer."""
        known = {
            ("CN", line["cn"])
            for each in consignments
            for stem in each.of("cn")
            for line in each.papers[stem]["lines"]
        }
        known |= {
            ("EAEU", line["eaeu"])
            for each in consignments
            for stem in each.of("dt")
            for line in each.papers[stem]["lines"]
        }
        rows = [f"{side},{code},2022-01-01,,{_SOURCE}" for side, code in sorted(known)]
        rows += [
            f"{side},{ended(code)},2022-01-01,2025-01-01,{_SOURCE}"
            for side, code in sorted(known)
            if (side, ended(code)) not in known
        ]
        return "\n".join(["side,code,valid_from,valid_to,source", *rows]).encode()

    def consignment(self, number: int, lines: int = 0) -> Consignment:
        """The honest consignment of that number; ``lines`` of goods, or as many as it happens to have."""
        return _Making(self, Random(f"{self.seed}/{number}"), lines).made()


def ended(code: str) -> str:
    """A code of the same subheading that was in force once."""
    return f"{code[:6]}{(int(code[6:]) + 11) % 10_000:04}"


class _Making:
    """One consignment while it is made."""

    def __init__(self, world: World, random: Random, lines: int) -> None:
        self.world, self.random = world, random
        self.name = random.choices(list(ROUTES), (5, 3, 2))[0]
        self.route = ROUTES[self.name]
        self.money = MONEY_OF[self.route.country]
        self.currency = random.choice(("USD", "CNY", "EUR"))
        self.station, self.city = random.choice(self.route.cities)
        self.end, self.end_city = random.choice(self.route.ends)
        self.lines = [goods_line(random, n) for n in range(1, (lines or random.randint(2, 14)) + 1)]
        self.gross = sum((each["gross"] for each in self.lines), Decimal(0))
        self.traits = {name for name, share in _SHARES.items() if random.random() < share}
        if self.route.by_sea or self.name != "Manzhouli-Zabaikalsk":
            self.traits.discard("reload")
        if len(self.lines) < 2 or "resale" in self.traits:
            self.traits -= {"split invoices", "split declarations"}

    def made(self) -> Consignment:
        random, traits = self.random, self.traits
        seller = random.choice(SHIPPERS)
        buyer = random.choice(BUYERS[self.route.country])
        where = 1 if self.route.country == "KZ" else 0
        boxes = [box_number(random) for _ in range(int(self.gross // 22_000) + 1)]
        arriving = [box_number(random) for _ in boxes] if "reload" in traits else boxes
        invoiced = date(2026, 2, 5) + timedelta(days=random.randrange(40))
        lodged = invoiced + timedelta(days=random.randrange(1, 6))
        departed = lodged + timedelta(days=random.randrange(1, 4))
        registered = departed + timedelta(days=random.randrange(2, 24))
        shared = {
            "seller": seller.name, "uscc": seller.number, "buyer": buyer.name, "inn": buyer.number, "buyer_latin": random.choice(buyer.latin),
            "currency": self.currency, "contract": f"{seller.name[:2]}-{random.randrange(10**6)}", "invoice": f"INV-{random.randrange(10**6)}",
            "day": invoiced, "boxes": boxes,
        }  # fmt: skip
        country, reseller = random.choice(RESELLERS) if "resale" in traits else ("", "")
        terms, place = self._terms(buyer_pays=bool(reseller))
        last_terms, last_place = self._terms() if reseller else (terms, place)
        margin = Decimal(random.randrange(104, 135)) / 100 if reseller else Decimal(1)
        sold = [
            {**each, "price": (each["price"] * margin).quantize(Decimal("0.0001"))} for each in self.lines
        ]
        for each in sold if reseller else ():
            each["amount"] = (each["quantity"] * each["price"]).quantize(CENT, ROUND_HALF_UP)
        papers: dict[str, Fields] = {}
        resold = {"resold_by": reseller, "invoice": f"GB-{random.randrange(10**6)}"} if reseller else {}
        self._invoices(papers, {**shared, **resold, "terms": last_terms, "place": last_place}, sold)
        if reseller and random.random() < 0.5:
            first = {**shared, "reseller": reseller, "terms": terms, "place": place}
            papers["invoice-2"] = {
                **first,
                "total": _sum(self.lines, "amount"),
                "lines": [dict(each) for each in self.lines],
            }
        packages = int(sum(each["packages"] for each in self.lines))
        papers["packing"] = {**shared, "terms": terms, "place": place, "gross": self.gross, "net": _sum(self.lines, "net"),
                             "packages": packages, "level": "CT", "lines": [dict(each) for each in self.lines]}  # fmt: skip
        self._notes(papers, shared, departed, packages, arriving, where)
        self._chinese(papers, {**shared, "trade_country": country or self.route.country, "destination": self.route.country,
                               **({"buyer_latin": reseller} if reseller else {})}, terms, lodged, departed, packages)  # fmt: skip
        last = {**shared, "boxes": arriving, "note": papers["note-2" if "note-2" in papers else "note"]["number"], "lodged_in": self.route.country, "dispatch": "CN", "destination": self.route.country, "broker": BROKERS[where].name,
                "broker_inn": BROKERS[where].number, "mode": "RAIL", "trade_country": country or "CN"}  # fmt: skip
        last["certificate"], last["certified"] = (
            f"CO{random.randrange(10**6)}",
            invoiced + timedelta(days=random.randrange(0, 2)),
        )
        self._declarations(papers, last, last_terms, last_place, sold, registered, packages)
        seals = papers["note-2" if "note-2" in papers else "note"]["seals"]
        papers["td"] = {**last, "day": registered - timedelta(days=1), "terms": "", "place": "", "total": None, "rate": None,
                        "packages": packages, "seals": list(seals), "lines": self._allocated(sold)}  # fmt: skip
        return Consignment(papers, self._forms(papers), frozenset({self.name, *traits}))

    def _terms(self, *, buyer_pays: bool = False) -> tuple[str, str]:
        """Terms and a place that they allow on this route."""
        random = self.random
        if buyer_pays or random.random() < 0.5:
            terms = random.choice(("FCA", "FOB", "EXW"))
            return terms, self.city
        terms = random.choice(("CIF", "CFR") if self.route.by_sea else ("CPT", "CIP", "DAP"))
        if self.route.by_sea:
            return terms, "Vladivostok"
        return terms, random.choice(
            (self.end_city, {"Забайкальск": "Zabaikalsk"}.get(self.route.border, "Dostyk"))
        )

    def _invoices(self, papers: dict[str, Fields], shared: Fields, sold: list[Fields]) -> None:
        parts = [sold]
        if "split invoices" in self.traits:
            at = self.random.randrange(1, len(sold))
            parts = [sold[:at], sold[at:]]
        for n, part in enumerate(parts, 1):
            stem, number = (
                ("invoice", shared["invoice"]) if n == 1 else (f"invoice-{n}", f"{shared['invoice']}/{n}")
            )
            papers[stem] = {
                **shared,
                "invoice": number,
                "total": _sum(part, "amount"),
                "lines": [dict(each) for each in part],
            }

    def _notes(
        self, papers: dict[str, Fields], shared: Fields, departed: date, packages: int, arriving: list[str], where: int
    ) -> None:  # fmt: skip
        random, route = self.random, self.route
        mass = self.gross.quantize(Decimal(1), ROUND_HALF_UP)
        if "box tare" in self.traits:
            mass += len(shared["boxes"]) * random.randrange(2_180, 4_200)
        forwarder = FORWARDERS[where]
        named = (
            {"forwarder": forwarder.name, "forwarder_inn": forwarder.number}
            if "forwarder" in self.traits
            else {}
        )
        legs = [(self.station, self.end)]
        if "reload" in self.traits:
            legs = [(self.station, route.border), (route.border, self.end)]
        elif route.by_sea:
            legs, departed = [(route.border, self.end)], departed + timedelta(days=random.randrange(3, 8))
        for n, (start, end) in enumerate(legs, 1):
            boxes = shared["boxes"] if n == 1 else arriving
            papers["note" if n == 1 else f"note-{n}"] = {
                **shared, **named, "number": f"{random.randrange(10**7, 10**8)}", "day": departed + timedelta(days=5 * (n - 1)),
                "boxes": boxes, "gross": mass, "packages": packages, "stations": (start, end), "loads": self._loads(len(boxes)),
                "seals": [f"CN{random.randrange(10**7):07}" for _ in boxes],
                "lines": [{name: each[name] for name in ("number", "hs6", "ru", "article")} for each in self.lines],
            }  # fmt: skip

    def _loads(self, count: int) -> list[Decimal]:
        """The mass in each box; on a scale it is not to the kilogram what the papers say."""
        whole = self.gross * Decimal(self.random.randrange(990, 1_011)) / 1_000
        return [(whole / count).quantize(Decimal(1), ROUND_HALF_UP)] * count

    def _chinese(
        self,
        papers: dict[str, Fields],
        shared: Fields,
        terms: str,
        lodged: date,
        departed: date,
        packages: int,
    ) -> None:
        random = self.random
        lines = (
            merged_lines(self.lines) if "merged lines" in self.traits else [dict(each) for each in self.lines]
        )
        gross = self.gross.quantize(Decimal(1), ROUND_HALF_UP) if "rounded" in self.traits else self.gross
        freight = (_sum(lines, "amount") * Decimal(random.randrange(20, 130)) / 1_000).quantize(CENT)
        paid_in = self.currency
        if "freight in yuan" in self.traits and self.currency != "CNY":
            worth = self.world.rate(self.money, self.currency, lodged) / self.world.rate(
                self.money, "CNY", lodged
            )
            paid_in, freight = "CNY", (freight * worth).quantize(CENT)
        day = lodged + timedelta(days=random.choice((-1, 1))) if "zones" in self.traits else lodged
        pallets = "pallets" in self.traits
        papers["cn"] = {
            **shared, "number": f"900120260{random.randrange(10**9):09}", "day": day, "export_day": departed, "terms": CN_TERMS[terms],
            "freight": None if terms in BUYER_PAYS else freight, "freight_currency": paid_in, "gross": gross, "net": _sum(lines, "net"),
            "packages": len(shared["boxes"]) * 20 if pallets else packages, "level": "92" if pallets else "22", "lines": lines,
            "mode": "SEA" if self.route.by_sea else "RAIL",
        }  # fmt: skip

    def _allocated(self, sold: list[Fields]) -> list[Fields]:
        """The lines of a declaration; gross mass is allocated to them by net mass where it is not taken from the packing list."""
        items = [dict(each) for each in sold]
        net = _sum(items, "net")
        for each in items if "allocated" in self.traits else ():
            each["gross"] = (self.gross * each["net"] / net).quantize(Decimal("0.001"))
        return items

    def _declarations(
        self, papers: dict[str, Fields], shared: Fields, terms: str, place: str, sold: list[Fields], day: date, packages: int
    ) -> None:  # fmt: skip
        random = self.random
        of = day
        if "rate of the day beside" in self.traits:
            of = day + timedelta(days=random.choice((-1, 1)))
        rate = self.world.rate(self.money, self.currency, of)
        freight = (
            _sum(sold, "amount") * Decimal(random.randrange(20, 130)) / 1_000
            if terms in BUYER_PAYS
            else Decimal(0)
        )
        items = self._allocated(sold)
        whole = _sum(items, "amount")
        for each in items:
            each["customs_value"] = ((each["amount"] + freight * each["amount"] / whole) * rate).quantize(
                CENT
            )
        parts = [items]
        if "split declarations" in self.traits:
            at = random.randrange(1, len(items))
            parts = [items[:at], items[at:]]
        for n, part in enumerate(parts, 1):
            numbered = [{**each, "number": at} for at, each in enumerate(part, 1)]
            papers["dt" if n == 1 else f"dt-{n}"] = {
                **shared, "id": f"D{n}", "day": day, "terms": terms, "place": place, "total": _sum(part, "amount"), "rate": rate,
                "packages": packages if len(parts) == 1 else int(sum(each["packages"] for each in part)), "seals": [], "lines": numbered,
            }  # fmt: skip

    def _forms(self, papers: dict[str, Fields]) -> dict[str, str]:
        if "spreadsheets" not in self.traits:
            return {}
        return {
            stem: self.random.choice(("xlsx", "utf-8-sig", "utf-8"))
            for stem in papers
            if stem.partition("-")[0] in ("invoice", "packing")
        }


_SHARES: Final = {
    "merged lines": 0.3, "split invoices": 0.15, "split declarations": 0.1, "pallets": 0.2, "allocated": 0.3, "rounded": 0.4, "box tare": 0.1,
    "forwarder": 0.15, "zones": 0.15, "rate of the day beside": 0.1, "reload": 0.2, "resale": 0.15, "spreadsheets": 0.35,
    "freight in yuan": 0.2,
}  # fmt: skip
"""How often a consignment has each trait."""


def _sum(lines: list[Fields], name: str) -> Decimal:
    return sum((each[name] for each in lines), Decimal(0))
