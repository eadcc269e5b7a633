"""Finding what could reach or identify a person: mail addresses, telephone and identity numbers.

A model repeats what it was trained on; a number that a teacher invented may be somebody's. Amounts,
sizes, dates and article numbers have other shapes, and are left alone.
"""

import re

from jobs.domain.lexicon import folded

FREE = r"(?<![\d.])"  # no digit before, so that a part of a longer number is not taken
END = r"(?![\d%]|\.\d)"
DASH = r"[-\u2010-\u2015. ]"
DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"  # month and day
MAIL = re.compile(
    r"[a-z0-9][\w.+-]{0,63}(?: ?@ ?|\[at\]|\(at\))[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}", re.A
)
NUMBERS = re.compile(
    rf"{FREE}(?:\+?86{DASH}?)?1[3-9]\d(?!0{{6}}){DASH}?\d{{4}}{DASH}?\d{{4}}{END}"  # Chinese mobile
    rf"|{FREE}\(?0(?:10|2\d|[3-9]\d{{2}})(?:\)|{DASH}){DASH}?\d{{7,8}}{END}"  # Chinese landline
    rf"|{FREE}[48]00{DASH}?\d{{3}}{DASH}?\d{{4}}{END}"  # Chinese hotline
    rf"|{FREE}(?:\+?82{DASH}?)?0?1[016-9]{DASH}\d{{3,4}}{DASH}\d{{4}}{END}"  # Korean mobile
    rf"|{FREE}01[016-9]\d{{7,8}}{END}"
    rf"|{FREE}\(?0(?:2|[3-6]\d|70|80)(?:\)|{DASH}){DASH}?\d{{3,4}}{DASH}\d{{4}}{END}"  # Korean
    rf"|{FREE}(?:\(\d{{3}}\){DASH}?|1?[-.]?[2-9]\d{{2}}[-.])\d{{3}}[-.]\d{{4}}{END}"  # American
    rf"|\+[1-9]\d{{0,2}}(?:{DASH}?\(?\d{{1,4}}\)?){{2,5}}(?<=\d){END}"  # international
    rf"|{FREE}[1-9]\d{{5}}(?:19|20)\d{{2}}{DAY}\d{{3}}[\dx]{END}"  # Chinese identity card
    rf"|{FREE}\d{{2}}{DAY}-[1-8]\d{{6}}{END}"  # Korean resident registration
    rf"|{FREE}\d{{3}}-\d{{2}}-\d{{4}}{END}"  # American social security
)
SHORTEST = 8  # digits of an international number
CUE = (
    r"电话|手机号?|热线|致电|座机|联系方式|전화|연락처|휴대폰|고객센터|문의"
    r"|(?<![a-z])(?:tel|phone|call|whatsapp)(?![a-z])"
)
CALLED = re.compile(rf"(?:{CUE})[^\d\n。，,]{{0,12}}{FREE}(\d[\d() -]{{5,16}}\d){END}")
ACCOUNT = re.compile(
    r"(?:微信号?|(?<![a-z])(?:wechat|weixin|vx|qq)号?|카카오톡|카톡) ?(?:id)? ?[:：是为]?[ ]?"
    r"(?:[a-z][a-z0-9_-]{5,19}|\d{5,11})(?![a-z0-9.])"
)


def shows_personal_data(text: str) -> bool:
    """The text has a mail address, a telephone or identity number, or a messenger account.

    >>> any(map(shows_personal_data, ("一瓶30ml，1299元。", "2026-11-20", "条码6901234567892")))
    False
    """
    line = folded(text)
    return bool(
        MAIL.search(line)
        or any(counts_as_number(match) for match in NUMBERS.finditer(line))
        or any(digits(match[1]) >= 7 for match in CALLED.finditer(line))
        or ACCOUNT.search(line)
    )


def counts_as_number(match: re.Match[str]) -> bool:
    """Not an international prefix before too few digits, as in "50+ 30"."""
    return not match[0].startswith("+") or digits(match[0]) >= SHORTEST


def digits(text: str) -> int:
    """How many digits there are."""
    return sum(one.isdigit() for one in text)
