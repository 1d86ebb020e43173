"""A known word beside anything else is that word's fact, or its row is not read and says why: never another fact."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.producers.formats.sheets import sightings
from tests.support.profile import rounds
from tests.unit.formats_sheets.test_tracking_kinds import FORWARDER
from tests.unit.formats_sheets.workbooks import passed, read, said, text, unread

WORDS = {
    "arrived": ("到达", "已到", "抵达", "arrived", "прибытие", "прибыл"),
    "delivered": ("签收", "送达", "delivered", "доставлен"),
    "departed": ("发车", "已发车", "离站", "departed", "departure", "отправлен", "отправление"),
    "empty_returned": ("还箱", "returned empty", "возврат порожнего"),
    "gated_in": ("进场", "集港", "gate in", "завезен"),
    "gated_out": ("提箱", "出场", "gated out", "выдан"),
    "loaded_on_wagon": ("装车", "loaded", "погрузка"),
    "position_reported": ("在途", "待换装", "in transit", "в пути"),
    "train_held": ("保留列车", "train held", "брос"),
    "train_resumed": ("train resumed", "поднят"),
    "transshipped": ("已换装", "换装完毕", "transshipped", "перегружен"),
    "unloaded": ("卸车", "unloaded", "выгрузка"),
    "wagon_broken": ("甩车", "bad order", "отцеплен"),
    "wagon_restored": ("修竣", "repaired", "из ремонта"),
    "arrived_at_destination": ("到达目的地", "arrived at destination", "прибыл на станцию назначения"),
}
TURNING = (
    "未", "没", "没有", "不", "无", "非", "取消", "已取消", "作废", "撤销", "待", "预计", "拟", "计划", "暂停", "延迟", "推迟", "否", "尚未", "约", "次日",
    "не", "нет", "отменен", "отмена", "отказ", "ожидается", "план", "без", "задержка", "not", "no", "not yet", "cancelled", "cancel", "pending", "expected",
    "void", "un", "without", "planned", "delayed", "nicht", "storniert", "geplant", "nie", "anulowano", "?", "*", "!", "~", "x", "✗", "(2)", "2026-03-04", "15:05",
)  # fmt: skip
BRACKETS = ("{}", "({})", "（{}）", "[{}]", "【{}】", " {} ", "/{}", "- {}", ": {}")
OTHER = st.text("客户原因甲乙天气abqwzжщъ0189 %#@&=+", min_size=1, max_size=8).filter(str.strip)


def test_every_event_of_the_vocabulary_is_among_the_words() -> None:
    assert set(WORDS) == sightings.EVENTS
    for says, words in WORDS.items():
        assert {sightings.read(word, lambda _: "") for word in words} == {says}


@settings(max_examples=rounds(60, 250), deadline=None)
@given(
    st.sampled_from([(says, word) for says, words in WORDS.items() for word in words]),
    st.one_of(st.just(""), st.sampled_from(TURNING), OTHER),
    st.one_of(st.just(""), st.sampled_from(TURNING), OTHER),
    st.sampled_from(BRACKETS),
    st.sampled_from(("", " ")),
)
def test_a_word_in_any_surroundings_is_its_own_fact_or_none(
    known: tuple[str, str], before: str, after: str, bracket: str, blank: str
) -> None:
    says, word = known
    cell = blank.join(
        part
        for part in (bracket.format(before) if before else "", word, bracket.format(after) if after else "")
        if part
    )
    found = sightings.read(cell.strip(), lambda _: "")
    turned = {each for each in (before, after) if each in TURNING and each not in ("(2)",)}
    assert found in (says, None) or found.startswith("none:")
    if turned or found is None:
        assert found != says, cell
    if found is None and not sightings.not_understood(cell.strip()):
        assert turned, f"{cell}: every word is known, and nothing turns it"


@settings(max_examples=rounds(15, 40), deadline=None)
@given(
    st.sampled_from(
        [(says, word) for says, words in WORDS.items() for word in words if not sightings.is_russian(word)]
    ),
    st.one_of(st.just(""), st.sampled_from(TURNING), OTHER),
    st.booleans(),
)
def test_a_row_is_a_fact_or_in_the_report_with_its_words(
    known: tuple[str, str], beside: str, first: bool
) -> None:
    says, word = known
    cell = f"{beside} {word}" if first else f"{word} {beside}"
    rows = (
        ("运踪", "更新日期：2026-03-05 18:00"),
        ("箱号", "到站", "当前站", "动态", "动态时间"),
        ("QZXU4011130", "马拉舍维奇", "多斯特克", cell, "2026-03-04 10:30"),
        ("QVYU2055178", "马拉舍维奇", "多斯特克", "已到达", "2026-03-04 10:30"),
    )
    records = read("tracing", text(rows), FORWARDER)
    facts = {event.data["objects"][0]["id"]: event.type.split(".")[2] for event in said(records)}
    assert facts.pop("QVYU2055178") == "arrived", "the other rows flow"
    if facts:
        assert facts == {"QZXU4011130": says}
        assert not beside.strip() or beside == "(2)"
        return
    reported = [each.refusal.detail for each in unread(records)] + [each.reason for each in passed(records)]
    assert len(reported) == 1
    words = (word.casefold()[:6], repr(sightings.not_understood(cell)), "unloaded on the way")
    assert any(each in reported[0].casefold() for each in words)
