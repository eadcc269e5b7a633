"""Each filter against a table of defects and a table of sound sentences made to look like them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.brand import Guide, facts_json, load_guide, product_of
from jobs.domain.filters import DROPS, Checked, example, first_reason, reasons
from jobs.domain.prompts import ContentType, content_type

DEV_ROWS = Path(__file__).parents[1] / "labelled" / "cleaning_dev.jsonl"

FOUND: dict[str, list[str]] = {
    "stray_tag": [
        "温和<br/>修护。",
        "温和，修护。</p",
        "p>温和修护。",
        "温和&nbsp;修护。",
        "**温和**修护。",
        "## 屏障修护",
        "```温和。```",
        "<|im_start|>温和。",
        "[产品名]，温和。",
        "{{name}}温和。",
        "{产品名}温和。",
        "【正文】温和。",
        "标题：温和修护",
        "广告文案：温和。",
        "CTA：点击了解。",
        "当然可以！以下是文案：温和。",
        "Sure, here is the copy: 温和。",
        "助手：温和。",
        "温和。希望这篇文案对您有帮助！",
        "温和。（全文共102字）",
        "＜br＞温和。",
        "[文案] 温和。",
        "<think>先想一想</think>温和。",
        "XX精华液，温和。",
        '{"text": "温和"}',
    ],
    "broken": [
        "",
        " \n",
        "……",
        "烟酰胺调节皮脂，让",
        "她把精华放在",
        "以及不同浓度之间的",
        "屏障\ufffd修护。",
        "屏障ï¼\u008c修护。",
        "锟斤拷温和。",
        "鐑熼叞鑳猴紝娓╁拰銆",
        "A gentle serum for oily skin.",
        "穏やかなスキンケアを毎日続けてください。",
        "피부 장벽을 지키는 세럼입니다.",
        "先洁面，再涂精华，最后防晒。" * 3,
        "它很温和，" * 5 + "它很温和。",
        "温和。This serum is gentle and it is made for the skin that needs it most of all.",
    ],
    "banned_word": [
        "护肤神器。",
        "神 器",
        "神・器",
        "神、器",
        "神_器",
        "神\u200b器",
        "神✨器",
        "“神”器",
        "神(器)",
        "奇蹟发生",
        "奇跡发生",
        "逆.天",
        "逆天效果",
        "秒殺一切",
        "絕絕子",
        "绝，绝，子",
        "绝绝紫",
        "绝绝籽",
        "家人們",
        "傢人們",
        "家人萌",
        "家 人 们",
        "YYDS",
        "ｙｙｄｓ",
        "Y.Y.D.S",
        "y、y、d、s",
        "歪歪滴艾斯",
        "神qi",
        "妙杀",
        "逆添",
        "神……器",
        "уyds",
        "YYD5",
    ],
    "hype": [
        "太好用了！！",
        "好！真好！太好了！",
        "这是最好的精华。",
        "最有效的精华。",
        "全球第一的成分。",
        "销量第一。",
        "100%有效。",
        "百分百见效。",
        "三天美白。",
        "一用就见效。",
        "根治敏感。",
        "彻底告别痘痘。",
        "永不反弹。",
        "零副作用。",
        "再不用就晚了。",
        "乱涂会烂脸。",
        "护肤界的天花板。",
        "瞬间抚平细纹。",
        "28天后，斑点全部消失。",
        "不用等待，一夜见效。",
        "史无前例的突破。",
        "不用它就会变老。",
    ],
    "false_fact": [
        "10%烟酰胺。",
        "百分之十的烟酰胺。",
        "烟酰胺（2%）与神经酰胺NP。",
        "烟酰胺含量高达20%。",
        "神经酰胺浓度5%。",
        "规格50ml。",
        "五十毫升装。",
        "129元30ml。",
        "¥98。",
        "仅需二百八十九元。",
        "烟酰胺净润精华液50ml。",
        "30g装。",
        "浓度达到8%。",
        "千分之五的烟酰胺。",
        "5%烟酰胺搭配2%水杨酸。",
        "烟酰胺与神经酰胺的浓度分别为3%和5%。",
        "199元的烟酰胺净润精华液。",
        "这支精华只含1%烟酰胺。",
        "一份有75ml。",
        "一瓶现在只需378元。",
        "其中的积雪草苷能舒缓泛红。",
        "再加上维生素C，帮助提亮肤色。",
        "配方还加入了玻色因，用来紧致肌肤。",
        "它还含有视黄醇。",
    ],
    "wrong_product": [
        "樱花焕亮沐浴露，温和。",
        "水杨酸控油洁面，温和。",
        "原素方程烟酰胺焕亮精华液，清透。",
        "烟酰胺，调节皮脂。",
        "精华液，清透。",
        "烟酰胺匀亮身体乳，清爽。",
    ],
    "no_call_to_action": [
        "看成分，烟酰胺为首。看作用，它调节皮脂。",
        "从前容易泛油。换一种科学的护理，油光少一些。配方温和。",
        "适合油性肌肤选择。",
        "来自两年的试用与咨询记录。",
        "隔晚一片，六到八周是合理的观察期。",
        "5%烟酰胺调节皮脂，给肌肤补充脂质。",
        "让肌肤保持稳定。",
        "帮助肌肤了解自己的节奏。",
        "购买过的用户反馈清爽。",
        "选择温和的表活，是配方的原则。",
        "从源头调节皮脂，配方精简。",
        "换成更轻的乳液后，出门前涂一层成了习惯。",
        "给油性肌肤的精华。",
        "开启清爽的一天。",
        "试用装与正装配方一致。",
        "用心选择每一种原料。",
    ],
    "no_person": [
        "大家都关心屏障。",
        "用户们普遍反映清爽。",
        "我们认为，少即是多。",
        "皮肤有自我修护的能力。",
        "其他成分也有作用。",
        "适合上班族与新手妈妈。",
        "阿魏酸能提升稳定性。",
        "小分子透明质酸进入角质层。",
        "每一位用户都值得被认真对待。",
        "任何一位医生都会这样说。",
        "“我该选哪一种？”是最常见的问题。",
        "小范围试用之后，温水把脂质带走。",
    ],
}

SOUND: dict[str, list[str]] = {
    "stray_tag": [
        "<5%的人初用会泛红。",
        "pH<6，ΔE<3，p<0.05。",
        "当p>0.05时差异不显著，3>2。",
        "《皮肤屏障》写道：少一点。",
        "A/B两组对照。",
        "1. 温和 2. 稳定。",
        "好的配方，不必复杂。",
        "当然，皮肤需要时间。",
        "以下是它的三个成分：烟酰胺、神经酰胺、甘油。",
        "误区：越贵越好。真相：看浓度。",
        "问：多久？答：四周。",
        "#敏感肌护理# 换季这样做。",
        "*效果因人而异。",
        "5*30ml一盒。",
        "【原素方程】烟酰胺净润精华液。",
    ],
    "broken": [
        "少一点，皮肤更稳。她说：“慢慢来。”",
        "容量：30ml，价格：189元",
        "慢慢来……",
        "用了四周（每晚一次）。",
        "少一点。 #敏感肌 #成分党",
        "好好护肤🙂",
        "不急，不急，不急。",
        "早上两滴，晚上两滴。早上防晒，晚上修护。",
        "配方像Crème一样柔润，含有Niacinamide与神经酰胺，敏感肌也能用。",
    ],
    "banned_word": [
        "人的精神器质性改变。",
        "奇特的迹象。",
        "必然惊奇，迹象早在。",
        "60秒杀灭细菌。",
        "抓挠三十秒，杀伤屏障。",
        "留神器皿的温度。",
        "安神、器械。",
        "新奇迹象。",
        "大家人们，科学家人们。",
        "顺逆天成。",
        "他的神，器具。",
        "神奇的配方是没有的。",
        "让你天天安心。",
        "几秒沙漏。",
    ],
    "hype": [
        "最后一步是防晒，最近换季。",
        "第一步是清洁！第一次请先测试！",
        "它并不能立刻见效。",
        "“一夜见效”只是误解。",
        "没有任何成分能立刻见效。",
        "最好在晚间使用。",
        "这不是最好的精华，只是合适的一支。",
        "很多人以为能立刻见效。",
        "所谓“彻底告别痘痘”，并不现实。",
        "皮脂丝不会永远消失。",
        "100%角鲨烷。",
        "真的能一夜变白吗？",
        "它不神奇，只是稳定。",
        "那些「立刻见效」「最好」的承诺，恰恰让人换得更勤。",
        "第二天白天的痘印淡了。",
        "紫外线最强的时段避开。",
        "她从此不再熬夜。",
        "“零刺激”这个词，研究员从不用。",
    ],
    "false_fact": [
        "５％烟酰胺。",
        "百分之五的烟酰胺。",
        "烟酰胺浓度为5%。",
        "30 毫升，189 元。",
        "30ML，￥189。",
        "三十毫升，一百八十九元。",
        "<5%的人初用会泛红。",
        "早晚两次，28天，2-3滴，pH 5.5。",
        "常用2%~5%的烟酰胺。",
        "研究显示，2%的烟酰胺即可调节皮脂。",
        "很多人以为20%的烟酰胺更好。",
        "每毫升约6.3元，两瓶378元。",
        "倒一元硬币大小，一次取0.5ml。",
        "她以前买过五百块的面霜。",
        "一种二元酸。",
        "百元价位的精华不少。",
        "市售产品的烟酰胺浓度从1%到10%不等。",
        "满300元减50元。",
        "房间湿度保持50%。",
        "两瓶一共只需378元。",
        "再加上神经酰胺，帮助修护屏障。",
        "配方里还加入了维生素B3。",
        "其中的透明质酸不是它的成分。",
        "精简配方不含视黄醇，也没有加入水杨酸。",
        "绿茶里有多酚。其中的茶多酚能抗氧化。",
        "晚上用视黄醇，再加上维生素C，皮肤容易泛红。",
        "同时搭配水杨酸使用时要留意泛红。",
        "角质层含有神经酰胺、胆固醇与脂肪酸。",
        "市面上的产品还加入了玻色因。",
    ],
    "wrong_product": [
        "《烟酰胺净润精华液》温和。",
        "原素方程 烟酰胺 净润精华液。",
        "5%烟酰胺精华液，清透。",
        "以烟酰胺为主的精华。",
        "烟酰胺控油精华。",
    ],
    "no_call_to_action": [
        "今晚，换一种科学的护理。",
        "今天开始就好。",
        "点击了解完整成分表。",
        "今晚试试它。",
        "不妨从一支开始。",
        "欢迎到店体验。",
        "扫码领取小样。",
        "从今晚开始，少涂一层。",
        "给早晨的皮肤一次认真护理的机会。",
        "选择烟酰胺净润精华液，让皮肤慢慢稳定。",
        "加入购物车。",
        "挑一个干燥的下午试试它。",
        "找一枚硬币比一比用量。",
        "把水温调低两度，浴后随手抹上它。",
        "来和我们的研究员聊聊。",
        "请先暂停刷酸，再联系我们。",
        "放进包里，午后补涂。",
        "写下今天的肤况，四周后对照。",
        "让检测报告说话，链接在主页。",
        "换成5%烟酰胺吧。",
    ],
    "no_person": [
        "同事小林用了一个月。",
        "我用了四周。",
        "她在镜子前站了一会儿。",
        "林女士今年四十二岁。",
        "一位用户写信来说，起皮少了。",
        "门诊里的一位来访者。",
        "阿宁值完夜班。",
        "大学生小周。",
        "外婆八十一岁，手背像揉皱的纸。",
        "沈老师收到一张合影。",
        "陈默把五瓶精华摆在桌上。",
        "本人油皮。",
        "三十五岁的设计师第一次读成分表。",
        "护士长换下口罩，脸上两道红印。",
    ],
}


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in table.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), cases(FOUND))
def test_finds(name: str, text: str) -> None:
    assert DROPS[name](example(text))


@pytest.mark.parametrize(("name", "text"), cases(SOUND))
def test_leaves_alone(name: str, text: str) -> None:
    assert not DROPS[name](example(text))


def test_lengths_do_not_count_white_space() -> None:
    assert reasons(example("字 " * 19)).count("too_short") == 1
    assert "too_short" not in reasons(example("字 " * 20))
    assert "too_long" not in reasons(example("字 " * 60))


def test_a_requirement_holds_only_where_the_content_type_names_it() -> None:
    text = "少一点，皮肤更稳，屏障也更稳定，这就是全部的道理。"
    required = {"wrong_product", "no_call_to_action", "no_person"}
    assert required <= set(reasons(example(text)))
    free = replace(example(text), kind=replace(example(text).kind, requires=()))
    assert reasons(free) == []


def test_first_reason_follows_the_registry() -> None:
    text = "**这是最好的精华！！"
    assert first_reason(example(text)) == reasons(example(text))[0] == "stray_tag"
    assert first_reason(replace(example("x"), text="")) == "broken"


def other_language(language: str, text: str, *, banned: tuple[str, ...], name: str) -> Checked:
    kind = ContentType("ad", "ad", "paid_ad", 5, 400, ("product_named", "call_to_action", "person"))
    guide = Guide("Kiln", language, "", "", "", (), (), banned)
    facts: dict[str, Any] = {
        "brand": "Kiln",
        "name": name,
        "category": "serum",
        "ingredients": [{"name": "niacinamide", "concentration": "5%"}],
        "size": "30ml",
    }
    return Checked(text, kind, guide, facts)


ENGLISH = "My neighbour keeps it simple: Calm Serum, 5% niacinamide, 30 ml. Try it tonight."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENGLISH, []),
        (ENGLISH + " It is a M I R A C L E.", ["banned_word"]),
        (ENGLISH.replace("5%", "10%"), ["false_fact"]),
        (ENGLISH.replace("Calm Serum", "**Calm Serum**"), ["stray_tag"]),
        (ENGLISH.replace("Calm", "Bright").replace("niacinamide", "retinol"), ["wrong_product"]),
        (ENGLISH.replace(" Try it tonight.", ""), ["no_call_to_action"]),
        (ENGLISH.replace("My neighbour keeps", "Keeping"), ["no_person"]),
        (ENGLISH + " The best serum ever!!", ["hype"]),
        (ENGLISH.removesuffix("tonight.") + "with", ["broken"]),
    ],
)
def test_english(text: str, expected: list[str]) -> None:
    checked = other_language("en", text, banned=("miracle",), name="Calm Serum")
    assert reasons(checked) == expected


KOREAN = "저는 칼름 세럼을 한 달 썼어요. 피부가 한결 편안합니다. 오늘 밤 한 번 시작해 보세요."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (KOREAN, []),
        (KOREAN + " 대·박 세럼.", ["banned_word"]),
        (KOREAN.replace("오늘 밤 한 번 시작해 보세요.", "결이 곱습니다."), ["no_call_to_action"]),
        (KOREAN.replace("저는", "많은 분이"), ["no_person"]),
    ],
)
def test_korean(text: str, expected: list[str]) -> None:
    checked = other_language("ko", text, banned=("대박",), name="칼름 세럼")
    assert reasons(checked) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", ENGLISH.replace("5% niacinamide", "0.05% panthenol")),
        (
            "en",
            "Question: why? Answer: water. Question: how? Answer: slowly. Question: when? "
            + ENGLISH,
        ),
        ("ko", KOREAN.replace("시작해 보세요", "매장에서 만나 보세요")),
        ("ko", KOREAN.replace("저는", "제빵사 민서에게 들은")),
    ],
)
def test_sound_texts_of_other_languages(language: str, text: str) -> None:
    checked = other_language(
        language, text, banned=(), name="칼름 세럼" if language == "ko" else "Calm Serum"
    )
    checked.facts["ingredients"].append({"name": "panthenol", "concentration": "0.05%"})
    assert reasons(checked) == []


@pytest.mark.parametrize(
    ("language", "word", "text"),
    [
        ("en", "miracle", "A m1racle in a jar."),
        ("en", "miracle", "A m!rácle in a jar."),
        ("en", "miracle", "A mirасle in a jar."),  # Cyrillic а and с
        ("en", "game-changer", "It is a game changer."),
        ("en", "game-changer", "A GameChanger, really."),
        ("ko", "기적", "피부에 기적이 일어나요."),
        ("ko", "대박", "초대박 세럼이에요."),
        ("ko", "대박", "대 박 세럼이에요."),
    ],
)
def test_disguised_words_of_other_languages(language: str, word: str, text: str) -> None:
    checked = other_language(language, text, banned=(word,), name="Calm Serum")
    assert DROPS["banned_word"](checked)


@pytest.mark.parametrize(
    ("language", "word", "text"),
    [
        ("en", "so", "50 ml, $0 for a trial."),
        ("en", "miracle", "The Dead Sea mirror, a clean one."),
        ("en", "game-changer", "We lost the game. Changers of habit win."),
        ("ko", "기적", "주기적으로 바르고, 유기적으로 관리하세요."),
        ("ko", "대박", "침대 박스 옆에 두세요."),
    ],
)
def test_words_that_only_hold_a_banned_one(language: str, word: str, text: str) -> None:
    checked = other_language(language, text, banned=(word,), name="Calm Serum")
    assert not DROPS["banned_word"](checked)


def test_development_rows() -> None:
    """At least nine in ten labelled defects are found, under one in twenty sound texts flagged."""
    guide = load_guide("yuansu")
    found, labelled, flagged, sound = 0, 0, 0, 0
    for line in DEV_ROWS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        facts = json.loads(facts_json(product_of(row["product"]), guide.name))
        kind = content_type(row["content_type"], guide.language)
        got = set(reasons(Checked(row["text"], kind, guide, facts)))
        labelled += len(row["defects"])
        found += len(got & set(row["defects"]))
        sound += not row["defects"]
        flagged += not row["defects"] and bool(got)
    assert found >= 0.9 * labelled
    assert flagged < 0.05 * sound
