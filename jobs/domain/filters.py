"""Why a text cannot be used: one function for each reason, and its doctest says what it means.

The functions are pure; what they look for lies in `lexicon.<language>.toml` beside this file. A
requirement that a content type names in its front matter (`requires`) is kept by the filter that
reads it: wrong_product, no_call_to_action or no_person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.damage import in_other_language, is_cut_off, is_garbled, repeats_itself
from jobs.domain.disguise import shows_banned
from jobs.domain.figures import contradicts_facts
from jobs.domain.lexicon import knows
from jobs.domain.markup import has_markup
from jobs.domain.naming import adds_ingredient, names_product
from jobs.domain.personal import shows_personal_data
from jobs.domain.prompts import ContentType
from jobs.domain.text import char_count
from jobs.domain.wording import asks_for_action, claims, exclaims, has_person


@dataclass(frozen=True)
class Checked:
    """A text with all that it is held against."""

    text: str
    kind: ContentType
    guide: Guide
    facts: dict[str, Any]  # json.loads(brief.facts)

    @property
    def language(self) -> str:
        """The guide's, by which the lexicon is chosen."""
        return self.guide.language


Filter = Callable[[Checked], bool]
DROPS: dict[str, Filter] = {}  # in the order in which reasons are given


def drops(found: Filter) -> Filter:
    """Register a filter; its name is the reason."""
    DROPS[found.__name__] = found
    return found


def reasons(checked: Checked) -> list[str]:
    """The names of all filters that hold, in registry order.

    >>> reasons(example("**5%烟酰胺**净润精华液，她说温和。"))
    ['stray_tag', 'no_call_to_action']
    """
    return [name for name, holds in DROPS.items() if holds(checked)]


def first_reason(checked: Checked) -> str:
    """The first filter that holds; empty if the text is sound.

    >>> first_reason(example("**5%烟酰胺**净润精华液，温和。"))
    'stray_tag'
    """
    return next((name for name, holds in DROPS.items() if holds(checked)), "")


def example(text: str) -> Checked:
    """The text as an advertisement for the one product that all doctests here are about."""
    kind = ContentType(
        "paid_ad_fab", "广告", "paid_ad", 20, 60, ("product_named", "call_to_action", "person")
    )
    banned = ("神器", "逆天", "奇迹", "秒杀", "绝绝子", "yyds", "家人们")
    guide = Guide("原素方程", "zh", "护肤", "", "", (), (), banned)
    facts: dict[str, Any] = {
        "brand": "原素方程",
        "name": "烟酰胺净润精华液",
        "category": "精华液",
        "ingredients": [
            {"name": "烟酰胺", "role": "调节皮脂", "concentration": "5%"},
            {"name": "神经酰胺NP", "role": "补充屏障脂质"},
        ],
        "effects": ["改善毛孔粗大"],
        "size": "30ml",
        "price": "189元",
    }
    return Checked(text, kind, guide, facts)


@drops
def stray_tag(checked: Checked) -> bool:
    """A tag, a markdown mark, a placeholder, a label or a chat's preamble was left in.

    >>> all(stray_tag(example(text)) for text in ("温和。<br", "## 温和", "[产品名]", "正文：温和"))
    True
    >>> stray_tag(example("好的，以下是为您撰写的文案：温和。"))
    True
    >>> any(stray_tag(example(text)) for text in ("<5%的人", "pH<6", "《书名》", "好的配方"))
    False
    """
    return has_markup(checked.text, checked.language)


@drops
def broken(checked: Checked) -> bool:
    """Empty, cut off, repeating itself, garbled, or in another language than the guide's.

    >>> all(broken(example(text)) for text in ("", "调节，让", "屏障ï¼\u008c修护。", "A serum."))
    True
    >>> broken(example("少一点，皮肤更稳。她说：“慢慢来。”"))
    False
    """
    text, language = checked.text, checked.language
    return (
        is_cut_off(text, language)
        or is_garbled(text)
        or repeats_itself(text, language)
        or in_other_language(text, language)
    )


@drops
def personal_data(checked: Checked) -> bool:
    """A mail address, a telephone or identity number, or a messenger account.

    >>> texts = ("写到 care@example.com。", "致电138-1234-5678。", "+82 10-1234-5678", "QQ：123456")
    >>> all(personal_data(example(text)) for text in texts)
    True
    >>> any(personal_data(example(text)) for text in ("30ml，1299元。", "5%-10%", "1500-2000元"))
    False
    """
    return shows_personal_data(checked.text)


@drops
def banned_word(checked: Checked) -> bool:
    """A word that the guide bans, plain or disguised.

    >>> all(banned_word(example(text)) for text in ("神 器", "奇蹟", "绝、绝、子", "ＹＹＤＳ"))
    True
    >>> any(banned_word(example(text)) for text in ("精神器质", "奇特的迹象", "30秒杀菌"))
    False
    """
    return shows_banned(checked.text, checked.guide.banned, checked.language)


@drops
def hype(checked: Checked) -> bool:
    """Shouting, an absolute claim or fear; not a claim that the text denies or corrects.

    >>> all(hype(example(text)) for text in ("真好！！", "最有效的精华。", "再不用就晚了。"))
    True
    >>> any(hype(example(text)) for text in ("最后一步！", "并不能立刻见效。", "“根治”是误解。"))
    False
    """
    text, language = checked.text, checked.language
    return exclaims(text) or claims(text, language, "absolute") or claims(text, language, "fear")


@drops
def false_fact(checked: Checked) -> bool:
    """A concentration, size, price or ingredient that is not the product's.

    >>> all(false_fact(example(text)) for text in ("10%烟酰胺。", "5%神经酰胺。", "售价198元。"))
    True
    >>> any(false_fact(example(text)) for text in ("百分之五的烟酰胺，189 元。", "<3%的人。"))
    False
    """
    text, facts, language = checked.text, checked.facts, checked.language
    return contradicts_facts(text, facts, language) or adds_ingredient(text, facts, language)


@drops
def wrong_product(checked: Checked) -> bool:
    """Neither the product's name nor its hero ingredient with its category is in the text.

    >>> wrong_product(example("樱花焕亮沐浴露，温和。")), wrong_product(example("这支烟酰胺精华。"))
    (True, False)
    """
    required = "product_named" in checked.kind.requires
    return required and not names_product(checked.text, checked.facts, checked.language)


@drops
def too_short(checked: Checked) -> bool:
    """Fewer characters than the content type asks for.

    >>> too_short(example("字" * 19)), too_short(example("字" * 20))
    (True, False)
    """
    return char_count(checked.text) < checked.kind.min_chars


@drops
def too_long(checked: Checked) -> bool:
    """More characters than the content type allows.

    >>> too_long(example("字" * 60)), too_long(example("字" * 61))
    (False, True)
    """
    return char_count(checked.text) > checked.kind.max_chars


@drops
def no_call_to_action(checked: Checked) -> bool:
    """Nothing asks the reader to do something, though the content type requires it.

    >>> no_call_to_action(example("适合油性肌肤选择，来自两年的试用记录。"))
    True
    >>> no_call_to_action(example("今晚给皮肤一次安静的机会。"))
    False
    """
    required = "call_to_action" in checked.kind.requires
    known = knows(checked.language, "call_to_action", "phrase")
    return required and known and not asks_for_action(checked.text, checked.facts, checked.language)


@drops
def no_person(checked: Checked) -> bool:
    """Nobody in particular is in the text, though the content type requires a person.

    >>> no_person(example("大家都关心屏障的自我修护。")), no_person(example("同事小林用了一个月。"))
    (True, False)
    """
    required = "person" in checked.kind.requires
    known = knows(checked.language, "person", "persons")
    return required and known and not has_person(checked.text, checked.facts, checked.language)
