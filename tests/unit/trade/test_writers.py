"""Writers of papers: what is read from what was written is the paper again, and it is valid against the published schemas."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from lxml import etree

from services.trade.domain.paper import (  # fmt: skip
    Charge,
    ChargeKind,
    Kind,
    Line,
    Packages,
    Paper,
    Party,
    Reference,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import Code, Field, Money, Place, Quantity, hs_edition, unit
from services.trade.formats import read_papers, write_paper
from services.trade.formats.writing import Unwritable, parts_of
from tests.support.invariants import holds_for
from tests.support.trade_values import schema, stated, tree

DAY = date(2026, 3, 20)
AT = Place("", "")


def f(value: Any) -> Any:
    return Field(value, "", AT)


class Drawn:
    """Papers drawn at random, of everything that a kind of message can state, each member there or not."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def maybe(self, value: Any) -> Any:
        return value if self.random.random() < 0.8 else None

    def text(self, letters: str = "AB <&\"'> Ящик 电脑 ]]>") -> str:
        length = self.random.randint(1, 30)
        return "x" + " ".join("".join(self.random.choice(letters) for _ in range(length)).split())

    def words(self, count: int = 40) -> str:
        return " ".join("".join(self.text().split()) for _ in range(self.random.randint(1, count)))

    def number(self, decimals: int = 6) -> Decimal:
        return Decimal(self.random.randrange(1, 10**9)).scaleb(-self.random.randint(0, decimals))

    def field(self, value: Any) -> Any:
        return self.maybe(f(value))

    def day(self) -> Any:
        return f(date(2026, self.random.randint(1, 3), self.random.randint(1, 28)))

    def party(self, role: Role, id: str = "") -> Party:
        return Party(role, f(id) if id else None, f(self.words(2)))

    def money(self) -> Any:
        return f(Money(self.number(2), "USD"))

    def quantity(self, scheme: str) -> Any:
        code = {"CN": "007", "OKEI": "796", "REC20": "C62", "WORD": "шт"}[scheme]
        return f(Quantity(self.number(), unit(code, scheme), code))

    def code(self, scheme: str, digits: int) -> Any:
        return f(Code(scheme, f"8471{self.random.randrange(10**6):06}"[:digits], hs_edition(DAY)))

    def line(self, number: int, **stated: Any) -> Line:
        return Line(str(number), AT, description=f(self.words()), **stated)

    def paper(self, kind: Kind) -> Paper:
        return getattr(self, kind.lower())(Paper(kind, AT, id="5b1d6a0e-5a3c-5d2f-9c0c-3d8f3a3c9a11"))  # type: ignore[no-any-return]

    def lines(self, made: Any) -> tuple[Line, ...]:
        return tuple(made(n) for n in range(1, self.random.randint(2, 4)))

    def invoice(self, bare: Paper) -> Paper:
        tax = (Charge(ChargeKind.TAX, self.money()),) if self.random.random() < 0.3 else ()
        roles = (Role.SELLER, Role.BUYER, Role.CONSIGNOR, Role.CONSIGNEE)
        return replace(
            bare,
            number=f(self.text("AZ09-/")),
            day=self.day(),
            parties=tuple(self.party(each, "7707083893" if each is Role.BUYER else "") for each in roles),
            currency=f("USD"),
            total=self.money(),
            charges=tax,
            lines=self.lines(
                lambda n: self.line(
                    n, code=self.maybe(self.code("EAEU", 10)), origin=self.field("CN"), quantity=self.maybe(self.quantity("WORD")),
                    price=f(self.number(4)), amount=self.money(),
                )
            ),
        )  # fmt: skip

    def packing_list(self, bare: Paper) -> Paper:
        return replace(
            bare,
            number=f("PL-1"),
            day=self.day(),
            parties=(self.party(Role.CONSIGNOR), self.party(Role.CONSIGNEE, "7707083893")),
            references=(
                Reference(ReferenceKind.CONTRACT, f("XA-1"), self.day()),
                Reference(ReferenceKind.INVOICE, f("I 7"), self.maybe(self.day())),
            ),
            terms=f("FCA"),
            terms_place=f("Xi'an"),
            gross=f(self.number()),
            net=f(self.number()),
            packages=(Packages(f(self.random.randint(1, 99)), "CARTON"),),
            lines=self.lines(
                lambda n: self.line(
                    n, quantity=self.quantity("OKEI"), gross=f(self.number()), net=self.field(self.number())
                )
            ),
        )

    def rail_note(self, bare: Paper) -> Paper:
        return replace(
            bare,
            number=f("12345678"),
            day=self.day(),
            parties=(self.party(Role.CONSIGNOR), self.party(Role.CONSIGNEE, "7707083893")),
            references=(Reference(ReferenceKind.CONTRACT, f("XA-1"), self.day()),),
            gross=f(self.number()),
            packages=(Packages(f(3), "CASE"),),
            boxes=(f("CSQU3054383"), f("TBJU1234561")),
            box_loads=(f(self.number()), f(self.number())),
            weighing=self.field(self.text()),
            seals=(f("CN1"), f("CN2")),
            stations=(f("Сиань"), f("Москва")),
            carrier=f("РЖД"),
            lines=self.lines(
                lambda n: self.line(
                    n,
                    code=self.code(*self.random.choice((("EAEU", 6), ("NHM", 8)))),
                    gross=f(self.number()),
                    packages=self.field(4),
                )
            ),
        )

    def cn_declaration(self, bare: Paper) -> Paper:
        lines = self.lines(
            lambda n: self.line(
                n,
                code=self.code("CN", 10),
                origin=self.field("CN"),
                quantity=self.quantity("CN"),
                price=self.field(self.number(4)),
                amount=self.money(),
            )
        )
        return replace(
            bare,
            id="",
            number=self.field("900120260123456789"),
            day=self.maybe(self.day()),
            export_day=self.maybe(self.day()),
            parties=(self.party(Role.CONSIGNOR, "91610131MA6TXY8K3D"), self.party(Role.CONSIGNEE)),
            references=(
                Reference(ReferenceKind.CONTRACT, f("XA-1")),
                Reference(ReferenceKind.TRANSPORT, f("B7")),
            ),
            terms=f("3"),
            currencies=tuple(f("USD") for _ in lines),
            charges=(
                Charge(ChargeKind.FREIGHT, self.money()),
                Charge(ChargeKind.INSURANCE, share=f(Decimal("0.003"))),
            ),
            gross=f(self.number()),
            net=self.field(self.number()),
            packages=(Packages(f(7), self.random.choice(("CARTON", "PALLET", "DRUM", ""))),),
            boxes=(f("CSQU3054383"),),
            trade_country=f("RU"),
            procedure=f("0110"),
            mode=self.field("RAIL"),
            destination=self.field("KZ"),
            lines=lines,
        )

    def eaeu_declaration(self, bare: Paper) -> Paper:
        number = "10012020/030326/1234567"
        correction, transit = bare.kind is Kind.EAEU_CORRECTION, bare.kind is Kind.EAEU_TRANSIT
        mode = self.random.choice(("RAIL", "SEA"))
        return replace(
            bare,
            number=f(f"{number}/01") if correction else None,
            day=self.day(),
            parties=(
                self.party(Role.CONSIGNOR, "91610131MA6TXY8K3D"), self.party(Role.CONSIGNEE, "7707083893"), self.party(Role.BUYER),
                self.party(Role.DECLARANT, "7707083893"),
            ),
            references=(
                Reference(ReferenceKind.CONTRACT, f("XA-1"), self.day()),
                Reference(ReferenceKind.INVOICE, f("INV <7>"), self.maybe(self.day())),
                Reference(ReferenceKind.TRANSPORT, f("12345678"), self.day()),
                *([Reference(ReferenceKind.DECLARATION, f(number))] if correction else []),
            ),
            terms=f("FCA"), terms_place=self.field("Xi'an"), currency=f("USD"), total=self.money(), rate=self.field(self.number(4)),
            packages=(Packages(f(7), self.random.choice(("CARTON", "BOX"))),),
            boxes=(f("CSQU3054383"), f("TBJU1234561")),
            seals=() if correction else (f("CN1"),),
            trade_country=f("CN"), procedure=f("80" if transit else "40"), mode=f(mode), dispatch=self.field("CN"), destination=self.field("RU"),
            lodged_in=None if correction else f("RU"),
            lines=self.lines(lambda n: self.customs_line(n, correction)),
        )  # fmt: skip

    eaeu_transit = eaeu_correction = eaeu_declaration

    def customs_line(self, n: int, correction: bool) -> Line:
        further = tuple(self.quantity("OKEI") for _ in range(self.random.randint(0, 3)))
        other = f(Quantity(Decimal(3), unit("715", "OKEI"), "715"))
        return self.line(
            n, code=self.maybe(self.code("EAEU", 10)), origin=self.field("CN"),
            quantity=self.random.choice((further[0], other)) if further else other, further=further,
            amount=f(Money(self.number(2), self.random.choice(("USD", "CNY")))), customs_value=self.field(self.number(2)),
            gross=self.field(self.number()), net=self.field(self.number()), net_without_packing=self.field(self.number()),
            packages=self.field(5), change=self.field("31100000") if correction else None,
        )  # fmt: skip

    def wco_declaration(self, bare: Paper) -> Paper:
        return replace(
            bare,
            id="",
            number=f("LRN-1"),
            parties=(
                self.party(Role.CONSIGNOR, "GB150454489082"), self.party(Role.CONSIGNEE), self.party(Role.BUYER), self.party(Role.SELLER),
            ),
            references=(Reference(ReferenceKind.INVOICE, f("INV-7")),),
            terms=f("FCA"), terms_place=f("Xi'an"), currency=f("USD"), total=self.money(), gross=f(self.number()),
            packages=(Packages(f(3)),), boxes=(f("CSQU3054383"), f("TBJU1234561")),
            seals=self.random.choice(((), (f("S1"), f("S2")), (f("S1"), f("S2"), f("S3")))),
            mode=self.field("SEA"), dispatch=self.field("CN"), destination=self.field("GB"),
            lines=self.lines(
                lambda n: Line(
                    str(n), AT, description=f(self.words(6)), code=self.code("EU", 8), origin=self.field("CN"), quantity=self.maybe(self.quantity("REC20")),
                    amount=self.money(), gross=self.field(self.number()), net=self.field(self.number()), packages=self.field(4),
                )
            ),
        )  # fmt: skip


def sign(invoice: etree._Element) -> None:
    """Add the names of the persons who sign, which its schema requires and no paper here holds."""
    own, common = etree.QName(invoice).namespace, "urn:customs.ru:CommonAggregateTypes:5.22.0"
    signature = etree.SubElement(invoice, f"{{{own}}}SignatureDirectorChiefAccountant")
    for role in ("Director", "ChiefAccountant"):
        person = etree.SubElement(signature, f"{{{own}}}{role}")
        for name in ("PersonSurname", "PersonName"):
            etree.SubElement(person, f"{{{common}}}{name}").text = "X"


@pytest.mark.randomised
@holds_for({kind: kind for kind in Kind})
def test_what_is_read_from_what_was_written_is_the_paper_again(kind: Kind) -> None:
    for seed in range(12):
        paper = Drawn(seed).paper(kind)
        written = write_paper(paper, DAY)
        assert written == write_paper(paper, DAY)
        (found,) = read_papers(written, "paper", DAY)
        assert stated(found) == stated(paper), seed


@holds_for({kind: kind for kind in Kind if kind is not Kind.CN_DECLARATION})
def test_what_is_written_is_valid(kind: Kind) -> None:
    for seed in range(4):
        written = tree(write_paper(Drawn(seed).paper(kind), DAY))
        if kind is Kind.INVOICE:
            sign(written)
        schema(kind).assertValid(written)


def test_what_a_message_cannot_hold_is_refused_with_a_remedy() -> None:
    assert parts_of("ab cd efg", 5) == ("ab cd", "efg")
    paper = Drawn(0).paper(Kind.CN_DECLARATION)
    for broken in ("bell \x07", "\ud800"):
        with pytest.raises(Unwritable, match="XML cannot hold"):
            write_paper(replace(paper, references=(Reference(ReferenceKind.CONTRACT, f(broken)),)), DAY)
    with pytest.raises(Unwritable, match="no field for DISCOUNT"):
        write_paper(replace(paper, charges=(Charge(ChargeKind.DISCOUNT, f(Money(Decimal(1), "USD"))),)), DAY)
    with pytest.raises(Unwritable, match="a word of more than 250"):
        write_paper(
            replace(Drawn(0).paper(Kind.INVOICE), lines=(replace(paper.lines[0], description=f("x" * 251)),)),
            DAY,
        )
