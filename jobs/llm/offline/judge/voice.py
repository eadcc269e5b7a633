"""Criterion 2: does it speak as its own guide asks? Loudness is a fault where calm is asked."""

from jobs.domain.text import normalized
from jobs.llm.offline.judge.case import Case, flat
from jobs.llm.offline.judge.claims import own_words
from jobs.llm.offline.judge.lexicon import Fault, Mark, asserted, compiled, denied, mark, pattern

ENOUGH_ENCOURAGED = 3  # different ones; more would reward stuffing


def calmness(case: Case) -> float:
    """How calm the guide wants its copy: 1.0 calm, 0.0 lively, 0.5 where it does not say."""
    guide = case.guide
    wish = flat(" ".join((guide.philosophy, guide.persona, *guide.rules)), case.language)
    calm = len(pattern("voice", "tone", "calm", case.language).findall(wish))
    lively = pattern("voice", "tone", "lively", case.language)
    wanted = unwanted = 0
    for hit in lively.finditer(wish):
        if denied(wish, hit.start()):
            unwanted += 1
        else:
            wanted += 1
    calm += unwanted
    return 0.5 if calm == wanted else float(calm > wanted)


def voice(case: Case) -> Mark:
    """The mark for the brand's voice."""
    calm = calmness(case)
    faults = [*banned(case), *loud(case, calm), *fear_and_fog(case)]
    return mark(_liveliness(case, calm) + _gained(case), faults)


def _gained(case: Case) -> float:
    """What the guide's encouraged words and a reasoned, precise way of speaking add."""
    text = case.plain.replace(flat(case.product.name, case.language), "")
    used = sum(flat(word, case.language) in text for word in case.guide.encouraged)
    wanted = min(ENOUGH_ENCOURAGED, len(case.guide.encouraged)) or 1
    reasons = len(set(pattern("voice", "reasoning", "connectives", case.language).findall(text)))
    precise = len(set(pattern("voice", "reasoning", "precise", case.language).findall(text)))
    short = case.max_chars <= 150
    return (
        0.4 * min(1.0, used / wanted)
        + 0.3 * min(1.0, reasons / (1 if short else 3))
        + 0.3 * min(1.0, precise / (2 if short else 4))
    )


def _liveliness(case: Case, calm: float) -> float:
    """Where a voice starts: calm copy at 4.0; lively copy there only if it shows some life."""
    if calm > 0.0:
        return 4.0
    signs = case.plain.count("!") + len(
        compiled(r"[呀啦哦呢吧嘿哈哇~]|\b(?:hey|wow|yay|let's)\b|예요|해요|죠").findall(case.plain)
    )
    return 4.4 if signs else 3.4


def banned(case: Case) -> list[Fault]:
    """Words that the guide forbids, however they are spaced or widened."""
    tight = "".join(normalized(case.text).split())
    loose = flat(case.text, case.language)
    hits = []
    for word in case.guide.banned:
        wanted = normalized(word).strip()
        if wanted and (
            wanted in loose or (case.language != "en" and "".join(wanted.split()) in tight)
        ):
            hits.append(word)
    return [Fault("banned", 1.8, word, grave=True) for word in hits]


def loud(case: Case, calm: float) -> list[Fault]:
    """Absolute promises anywhere; loud praise and exclamations where the guide is not lively."""
    language, text = case.language, own_words(case)
    known = case.plain_facts
    faults = [
        Fault("absolute", 1.8, word, grave=True)
        for word in asserted(pattern("voice", "absolute", "pattern", language), text, known)[:3]
    ]
    own = {flat(word, language) for word in case.guide.banned}
    strong = asserted(pattern("voice", "hype", "strong", language), text, known)
    for word in [word for word in strong if word not in own][:4]:
        faults.append(Fault("hype", 1.2 if calm else 0.3, word, grave=calm > 0.0))
    for word in asserted(pattern("voice", "hype", "mild", language), text, known)[:5]:
        faults.append(Fault("fluff", 0.4 if calm else 0.1, word))
    return [*faults, *_marks(case, calm)]


def _marks(case: Case, calm: float) -> list[Fault]:
    """Exclamation marks and emoji, by their share of the sentences."""
    count = case.plain.count("!")
    share = count / max(1, len(case.sentences))
    emoji = len(pattern("voice", "hype", "emoji", case.language).findall(case.text))
    faults = []
    many = (count >= 3 and share > 0.2) or count >= 6
    if calm == 0.0:
        many = count >= 5 and share > 0.8
    if many:
        faults.append(Fault("exclaims", 1.6, grave=True))
    elif count and calm > 0.0:
        faults.append(Fault("exclaims_some", 0.5 * count * (1.0 if calm == 1.0 else 0.5)))
    if emoji > (8 if calm == 0.0 else 2):
        faults.append(Fault("emoji", 1.4, grave=calm > 0.0))
    elif emoji and calm > 0.0:
        faults.append(Fault("emoji", 0.4 * emoji))
    return faults


def fear_and_fog(case: Case) -> list[Fault]:
    """Fear-selling and mystical words; a calm mention of a worry costs little."""
    text, known = own_words(case), case.plain_facts
    faults = []
    for table, code, soft in (("fear", "fear", "fear_mild"), ("vague", "vague", "vague")):
        strong = asserted(pattern("voice", table, "strong", case.language), text, known)
        mild = asserted(pattern("voice", table, "mild", case.language), text, known)
        faults += [Fault(code, 1.6, word, grave=True) for word in strong[:2]]
        faults += [Fault(soft, 0.6, word) for word in mild[:3]]
    return faults
