"""Flags of ids as they stand on the wire: stable names, never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import quality


@pytest.mark.parametrize(
    ("kind", "id", "flags"),
    [
        ("container", "CSQU3054383", ()),
        ("container", "CSQU3054384", ("iso6346.check_digit",)),
        ("container", "CSQU305438", ("iso6346.form",)),
        ("container", "CSQU305438\uff13", ("iso6346.form",)),
        ("wagon", "1520/62439641", ()),
        ("wagon", "1520/62439642", ("wagon1520.check_digit",)),
        ("wagon", "1520/6243964", ("wagon1520.form",)),
        ("wagon", "UIC/928422031024", ("uic_wagon.check_digit",)),
        ("wagon", "UIC/92842203102", ("uic_wagon.form",)),
        ("wagon", "CN/5281234", ()),
        ("wagon", "CN/52812345", ("cn_wagon.form",)),
        ("wagon", "GOST/52812345", ("wagon.form",)),
        ("declaration", "CN/310120240123456789", ()),
        ("declaration", "CN/31012024012345678", ("gacc_declaration.form",)),
        ("declaration", "KZ/55302/310125/0012345", ()),
        ("declaration", "RU/10702070/010125/500012", ("eaeu_declaration.form",)),
        ("declaration", "DE/21DE27364916384836", ()),
        ("declaration", "PL/LRN/PL1234567890/SF-55120", ()),
        ("declaration", "PL/LRN/SF-55120", ("mrn.form",)),
        ("declaration", "PL/21DE27364916384835", ("mrn.check_digit",)),
        ("declaration", "EU/21DE2736491638483", ("declaration.jurisdiction", "mrn.form")),
        ("declaration", "EAEU/10702070/010125/5000125", ("declaration.jurisdiction",)),
        ("declaration", "MN/whatever", ()),
        ("declaration", "310120240123456789", ("declaration.form",)),
        ("note", "CIM/PL/02580/702688/2025", ()),
        ("note", "CIM/PL/02580/702681/2025", ("cim_note.check_digit",)),
        ("note", "SMGS/KZ/708403/12345/2025", ()),
        ("note", "SMGS/KZ/708404/12345/2025", ("station1520.check_digit",)),
        ("note", "SMGS/CN/XAY/12345/2025", ()),
        ("note", "SMGS/CN/XAY/12345", ("smgs_note.form",)),
        ("place", "esr:708403", ()),
        ("place", "esr:708404", ("station1520.check_digit",)),
        ("place", "locode:PLMAA", ()),
        ("place", "locode:CNSIA", ("unlocode.trap",)),
        ("place", "locode:RUCTA", ("unlocode.trap",)),
        ("place", "locode:PLMA1", ("unlocode.form",)),
        ("place", "railnet:dostyk", ()),
        ("place", "railnet:dostik", ("place.unknown",)),
        ("place", "crossing:alashankou-dostyk", ()),
        ("place", "crossing:alashankou-dostik", ("place.unknown",)),
        ("place", "esr:100002", ("station1520.check_digit",)),
        ("place", "esr:100001", ("place.unknown",)),
        ("place", "locode:RUMOW", ()),
        ("place", "locode:FRPAR", ("place.unknown",)),
        ("place", "telecode:QQQ", ("place.unknown",)),
        ("place", "tmis:12345", ()),
        ("train", "ktz/2001/2025-09-12/railnet:dostyk", ()),
        ("train", "9Z01/DEMO4530120-00-2026/2026-03-12", ()),
        ("train", "ktz/2001", ("train.form",)),
        ("train", "ktz/2001/2025-02-30/railnet:dostyk", ("train.form",)),
        ("train", "2001/2025-09-12/railnet:dostyk", ("train.form",)),
        ("consignment", "forwarder-1/A-1", ()),
        ("unheard", "of", ()),
    ],
)
def test_flags(kind: str, id: str, flags: tuple[str, ...]) -> None:
    assert quality.flags(kind, id) == flags


@given(st.sampled_from(["container", "wagon", "declaration", "note", "place", "train"]), st.text())
def test_no_text_raises(kind: str, id: str) -> None:
    assert all("." in flag for flag in quality.flags(kind, id))
