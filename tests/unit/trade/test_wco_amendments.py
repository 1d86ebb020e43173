"""Amendments of WCO DEC declarations: each pointer gives the value that the message states, and the declaration has it afterwards."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from schemas.reasons import Refusal
from services.trade.formats.wco_amendments import amended, paper, read
from tests.unit.trade.test_in_step import DAY
from tests.unit.trade.test_readers import DATA

EXAMPLES = DATA / "wco-dec" / "examples"
PREFIX = "annotated_XML_samples__TT_"
VALUES: dict[str, list[str | None]] = {
    "Add_Item_Scenario_v1__Step2_Amendment": ["3", "80", None],
    "EX009a__Step5_TT_EX009a_Amendment": ["EP"],
    "IM002b__TT_IM002b_Amendment": ["999"],
    "IM002c__TT_IM002c_Complex_Multi_Amendment": ["53", "Detroit Cocoa Company", "Detroit", "101 Peterboro Avenue", "48201", "53"],
    "IM003a__TT_IM003a_Amendment_(Step_3)": ["2.1"],
    "IM003b__TT_IM003b_Amendment_(Step_3)": ["1001", "1501"],
    "IM005b__TT_IM005b_Amendment": ["89"],
    "IM008b__TT_IM008b_Amendment": ["EE"],
    "IM011a__TT_IM011a_Amendment": ["62"],
    "IM016a__TT_IM016a_Amendment": [
        "See attached worksheet", "See attached worksheet", "WKS", "9", "AE", "Form C&E955D completed", "Form C&E955D completed", "55D", "9", "AE",
        "UVC01", "UVC01 Statement Description",
        "111.11", "A00", "E", "111.22", "111.33", "111.11", "A00", "R", "222.22", "222.33",
        "111.11", "B00", "E", "333.22", "333.33", "111.11", "B00", "R", "444.22", "444.33",
    ],
    "IM017a__TT_IM017a_Amendment": [None, "2", "1100", "65"],
    "IM033b__TT_IM033b_Amendment": ["998"],
    "IM061b__TT_IM061b_Amendment": ["SDY=9/10", "02/21=Y 3 01/21=Z 2", "SDZ=6/6"],
    "IM068a__Step2_TT_IM68a_Amendment": ["19.34", "115.66"],
    "IM082a__TT_IM002b_Amendment": ["999"],
    "IM082a__TT_IM002c_Complex_Multi_Amendment": ["53", "Detroit Cocoa Company", "Detroit", "101 Peterboro Avenue", "48201", "53"],
}  # fmt: skip
CANCELLED = {
    "EX010a__TT_EX010a_Cancellation": "24GBDIRIGZ7QLCPAA8",
    "EX052a__Step3_Cancellation": "",
    "IM011a__TT_IM011a_Cancellation": "",
}
ORIGINALS = {
    "Add_Item_Scenario_v1__Step2_Amendment": "Add_Item_Scenario_v1__Step1_Declaration",
    "EX009a__Step5_TT_EX009a_Amendment": "EX009a__TT_EX009a",
    "IM005b__TT_IM005b_Amendment": "IM005b__TT_IM005b",
    "IM016a__TT_IM016a_Amendment": "IM016a__TT_IM016a",
    "IM068a__Step2_TT_IM68a_Amendment": "IM068a__TT_IM068a",
}


def example(name: str) -> bytes:
    if not EXAMPLES.is_dir():
        pytest.skip("the examples of the WCO data model (../shared/data/wco-dec) are not here")
    return Path(EXAMPLES / f"{PREFIX}{name}.xml").read_bytes()


def test_sixteen_amendments_give_the_stated_values() -> None:
    assert len(VALUES) == 16
    for name, stated in VALUES.items():
        amending = read(example(name))
        assert [change.value for change in amending.changes] == stated, name
        assert amending.declaration
        assert not amending.cancels


def test_three_cancellations_name_their_declaration_and_reason() -> None:
    for name, number in CANCELLED.items():
        amending = read(example(name))
        assert amending.cancels, name
        assert amending.statement
        assert amending.declaration == number or (not number and len(amending.declaration) == 18)
        with pytest.raises(Refusal, match="was cancelled"):
            amended(example("EX009a__TT_EX009a"), example(name))


def test_a_declaration_has_afterwards_what_its_amendment_states_and_nothing_else_changed() -> None:
    for name, original in ORIGINALS.items():
        raw, change = example(original), example(name)
        before, after = amended(raw), amended(raw, change)
        stated = [value for each in read(change).changes if (value := each.value) is not None]
        texts = [node.text for node in after.walk() if node.text]
        assert set(stated) <= set(texts), name
        kept = [node.text for node in before.walk() if node.text and not node.children]
        assert len(kept) - sum(each in texts for each in kept) <= len(stated), name
        assert amended(raw, change, change).says_the_same(after) or name.startswith("IM016a"), name


def test_an_item_is_added_one_is_taken_away_and_masses_and_amounts_are_declared_from_then_on() -> None:
    three = paper(
        example("Add_Item_Scenario_v1__Step1_Declaration"),
        [example("Add_Item_Scenario_v1__Step2_Amendment")],
        "added",
        DAY,
    )
    assert [line.number for line in three.lines] == ["1", "2", "3"]
    assert three.lines[2].net is not None
    assert (three.lines[2].net.value, three.packages[0].number.value) == (Decimal(10), 80)
    two = paper(
        example("Add_Item_Scenario_v1__Step1_Declaration"),
        [example("Add_Item_Scenario_v1__Step2_Amendment"), example("IM017a__TT_IM017a_Amendment")],
        "taken",
        DAY,
    )
    assert [line.number for line in two.lines] == ["1", "3"]
    assert two.total is not None
    assert (str(two.total.value.amount), two.packages[0].number.value) == ("1100", 65)
    lighter = paper(example("IM005b__TT_IM005b"), [example("IM005b__TT_IM005b_Amendment")], "lighter", DAY)
    assert lighter.lines[0].net is not None
    assert lighter.lines[0].net.value == 89


def test_a_pointer_to_nothing_known_and_another_message_are_refused() -> None:
    pointer = "<Pointer><DocumentSectionCode>42A</DocumentSectionCode><TagID>999</TagID></Pointer>"
    message = f"<Declaration><FunctionCode>13</FunctionCode><TypeCode>COR</TypeCode><Amendment>{pointer}</Amendment></Declaration>"
    with pytest.raises(Refusal, match="does not have") as refused:
        read(message.encode())
    assert refused.value.pointer == "/Declaration/Amendment/Pointer"
    with pytest.raises(Refusal, match="neither an amendment"):
        read(b"<Declaration><FunctionCode>9</FunctionCode></Declaration>")
