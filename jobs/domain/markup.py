"""Finding what was left over in a text: tags, marks, placeholders, labels, a chat's preamble.

Tags and placeholders look the same in every language; labels and preambles come from the lexicon.
"""

import re

from jobs.domain.lexicon import folded, pattern

NAMES = (
    "br|p|div|span|strong|em|b|i|u|s|a|h[1-6]|ul|ol|li|table|tr|td|th|img|font|center|hr|html|body"
    "|head|title|section|article|blockquote|pre|code|small|sup|sub|mark|think|copy|answer|text|output"
)
IDEOGRAPH = "一-龥"
TAGS = re.compile(
    rf"</?[a-z_][\w:-]*(?:\s[^<>\n]{{0,200}})?/?>"  # whole
    r"|<!--|<!\[|<!doctype|<\?xml"
    rf"|(?<![a-z0-9]\s)(?<![a-z0-9])</?(?:{NAMES})(?![a-z0-9])"  # the closing mark lost
    rf"|</(?!\d)"
    rf"|(?<![a-z0-9<])/(?:{NAMES})\s*>|(?<![a-z0-9</])(?:br|hr)\s*/?>"  # the opening mark lost
    rf"|(?<![a-z0-9<])(?:p|div|span|strong|em|li|ul|ol|h[1-6])\s*>(?!\s*[\d=.])"
    rf"|(?m:^)(?:p|div|span)\s*>"
    rf"|<[{IDEOGRAPH}][{IDEOGRAPH}\w ]{{0,15}}>"
    rf"|&(?:nbsp|lt|gt|amp|quot|apos|mdash|ndash|hellip|ldquo|rdquo|#\d+|#x[0-9a-f]+)[;；]"
)
ROLES = re.compile(
    r"<\||\|>|<\uff5c|\[/?inst\]|<</?sys>>|\[/?(?:system|user|assistant)\]|<(?:s|/s|unk|pad|eos|bos)>"
    r"|^\s*(?:#+ *)?(?:assistant|user|system|human|response|instruction)\s*:|(?:end|start)_of_turn"
    r"|^assistant\s*$|^\s*(?:ai|chatgpt|claude|gpt)\s*:",
    re.MULTILINE,
)
MARKS = re.compile(
    r"\*\*|__|~~|```|`[^`\n]+`|^`+|`$|^\s*#{1,6}\s+\S|##|^\s*>\s+\S|^\s*\*\s+\S|^\s*[*_=-]{3,}\s*$"
    r"|!?\[[^\]\n]*\]\([^)\n]*\)|\|\s*:?-{2,}|^\s*\|.*\|\s*$"
    r"|(?<![*\w])\*[^\s*\d][^*\n]{0,30}[^\s*]\*(?![*\w])",
    re.MULTILINE,
)
BULLETS = re.compile(r"^\s*[-+•·]\s+\S", re.MULTILINE)
SLOTS = re.compile(
    rf"\{{\{{|\}}\}}|\{{%|%\}}|\$\{{|\{{[a-z_{IDEOGRAPH}가-힣][^{{}}\n]{{0,24}}\}}"
    rf"|\[[^\[\]\n]*[a-z{IDEOGRAPH}가-힣][^\[\]\n]*\]"
    r"|(?<![a-z])x{2,}(?![a-z])|×{2,}|某某|[○〇]{2,}|_{2,}|\btodo\b|\btbd\b|lorem ipsum"
    r"|\"[a-z_]+\"\s*:|^\s*\{\s*\"|\\[nrt](?![a-z])|\\u[0-9a-f]{4}|%[sd]\b",
    re.MULTILINE,
)


def has_markup(text: str, language: str) -> bool:
    """The text still has something in it that is not copy."""
    line = folded(text).strip()
    found = (expression.search(line) for expression in (TAGS, ROLES, MARKS, SLOTS))
    return (
        any(found)
        or len(BULLETS.findall(line)) > 1
        or has_label(line, language)
        or has_preamble(line, language)
    )


def has_label(line: str, language: str) -> bool:
    """A section's label stands at the beginning of a line, or a bracketed one anywhere."""
    words = f"{pattern(language, 'markup', 'labels').pattern}"
    slots = f"{pattern(language, 'markup', 'bracketed').pattern}"
    number = r"(?:\d{1,2}|[一二三四五])?"
    return bool(
        re.search(rf"(?m)^[「『《<](?:{words}){number}[」』》>]", line)
        or re.search(rf"(?m)^[\W_]*(?:{words}){number}\s*(?:\([^)]{{0,12}}\))?\s*[:】\]]", line)
        or re.search(rf"【(?:{words}|{slots}){number}】|[(<](?:{slots})[)>]", line)
        or re.search(rf"(?m)^(?:{words})\s*$", line)
    )


def has_preamble(line: str, language: str) -> bool:
    """A chat's opening or closing words stand around the copy."""
    expression = pattern(language, "markup", "preamble")
    return any(
        expression.search(part) for part in (line[:80], *(line.splitlines() or [""]), line[-60:])
    )
