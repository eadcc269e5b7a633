"""What identifies or reaches a person, against numbers that look like it."""

import json
from pathlib import Path

import pytest

from jobs.domain.golden import read_golden
from jobs.domain.personal import shows_personal_data

PERSONAL = [
    "写信到care@yuansu.com。", "邮箱：li.ming_88@163.com", "客服 hello ＠ brand.co.kr",
    "电话13812345678", "手机号138-1234-5678", "138 1234 5678", "+86 138 1234 5678",
    "１３８１２３４５６７８", "010-62345678", "(021) 62345678", "0755-26001234",
    "热线400-820-8820", "致电62345678", "010-1234-5678", "01012345678", "+82 10-1234-5678",
    "02-123-4567", "031-123-4567", "문의 1588-1234", "전화 02)123-4567", "Call (415) 555-0132",
    "415-555-0132", "1-800-555-0199", "+1 415 555 0132", "+44 20 7946 0958", "+33 6 12 34 56 78",
    "+49 (0)30 123456", "tel. 6234 5678", "WhatsApp 9876 5432", "身份证11010519491231002X",
    "주민번호 900101-1234567", "SSN 123-45-6789", "加微信：yuansu_care01", "QQ：12345678",
]  # fmt: skip
HARMLESS = [
    "一瓶30ml，1299元。", "售价189元，30ml。", "¥1,299", "5%烟酰胺+2%泛醇", "2026-11-20",
    "2026年11月20日", "20261120", "条码6901234567892", "备案号：国妆特字G20261234", "批号 2026112A",
    "9:00-18:00", "1500-2000元", "45,000원", "50,000~100,000원", "price 1299.00 yuan", "30ml×2",
    "pH 5.5-6.5", "SPF50+ 30ml", "100+200+300ml", "每天2-3次，28天", "0.05%-0.1%", "10-20-30",
    "分子量为1500000-2000000道尔顿", "15000000000", "800-1000元", "微信小程序", "微信搜索原素方程",
    "QQ弹弹的质地", "@原素方程", "GB 29680-2013", "ISO 16128-1:2016", "3.14159265358",
    "电话里她说用了28天", "打电话问了3次", "call it 5% niacinamide 30 ml 189 yuan",
    "문의가 많은 5% 나이아신아마이드 30ml 45,000원", "2024.11.11-2024.11.30", "5g*10片 99.9元",
    "wechat mini program",
]  # fmt: skip


@pytest.mark.parametrize("text", PERSONAL)
def test_personal_data_is_found(text: str) -> None:
    assert shows_personal_data(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not shows_personal_data(text)


def test_no_text_that_people_wrote_for_the_brand_has_any() -> None:
    labelled = Path(__file__).parents[1] / "labelled"
    rows = [json.loads(line) for path in labelled.glob("*.jsonl") for line in path.open("rb")]
    columns = ("text", "chosen", "rejected")
    texts = [row[name] for row in rows for name in columns if name in row]
    texts += list(read_golden("yuansu").values())
    assert len(texts) > 500
    assert [text for text in texts if shows_personal_data(text)] == []
