"""Criterion 4: can it be read? Repetition, breaks, leftovers and strange runs."""

import re
from collections import Counter

from jobs.llm.offline.judge.case import Case, flat
from jobs.llm.offline.judge.lexicon import Fault, Mark, mark, pattern, topic
from jobs.llm.offline.judge.names import HOLE, known_names, masked
from jobs.llm.offline.judge.words import dictionary, segmented

UNCOMMON = 7.5  # cost above which a single character seldom stands alone as a word
CLOSING = re.compile(r"[。!?.~…”』」\"')）】\]][\s\U0001F300-\U0001FAFF\u2600-\u27BF]*$")
PAIRS = (("“", "”"), ("「", "」"), ("『", "』"), ("(", ")"), ("【", "】"), ("《", "》"))
GRAMS = {"zh": 5, "ko": 6, "en": 18}  # characters of a repeated run that is not chance


def fluency(case: Case) -> Mark:
    """The mark for language; a grave fault here means: cannot be published, or not be read."""
    faults = [*leftovers(case), *wrong_script(case), *ending(case), *repetition(case)]
    if case.language == "zh":
        faults += [*odd_runs(case), *broken(case)]
    return mark(5.0, [*faults, *listed(case)])


def bare(case: Case) -> str:
    """The text with the facts' own strings masked: what the writer added."""
    known, product = known_names(case), case.product
    facts = [known.product, known.brand, *known.ingredients]
    facts += [name for also in known.also for name in also]
    facts += [flat(entry.role, case.language) for entry in product.ingredients]
    facts += [
        flat(fact, case.language)
        for fact in (*product.effects, *product.suited_for, product.texture, product.category)
    ]
    return masked(case.plain, [fact for fact in facts if len(fact) > 1])


def leftovers(case: Case) -> list[Fault]:
    """Markup, echoed prompts, a machine's small talk."""
    faults = []
    for entry, loss, text in (
        ("markup", 1.6, case.text),
        ("prompt", 1.6, case.plain),
        ("chatter", 1.2, case.plain),
    ):
        hit = pattern("language", "leftover", entry, "zh").search(text)
        if hit:
            faults.append(Fault("leftover", loss, hit[0].strip()[:12]))
    hashtags = len(re.findall(r"#[^\s#]{1,12}", case.text))
    if hashtags:
        faults.append(Fault("leftover", min(0.6, 0.2 * hashtags), "#"))
    if any(case.plain.count(a) != case.plain.count(b) for a, b in PAIRS):
        faults.append(Fault("quotes", 0.5))
    if case.plain.count('"') % 2:
        faults.append(Fault("quotes", 0.3))
    return faults


def wrong_script(case: Case) -> list[Fault]:
    """Another language than the guide's."""
    text = masked(case.plain, sorted(set(re.findall(r"[a-z]+", case.plain_facts))))
    script = {"zh": r"[\u4e00-\u9fff]", "ko": r"[\uac00-\ud7a3]", "en": r"[a-z]"}[case.language]
    usual = re.compile(rf"(?<![a-z])(?:{topic('language', 'zh')['latin']['usual']})(?![a-z])")
    text = usual.sub("", text)
    letters = re.findall(r"[^\W\d_]", text)
    own = len(re.findall(script, text))
    if not letters:
        return []
    strange = 1.0 - own / len(letters)
    if strange > 0.5:
        return [Fault("foreign_language", 4.0, grave=True)]
    return [Fault("foreign_language", min(2.5, 12.0 * (strange - 0.04)))] if strange > 0.05 else []


def ending(case: Case) -> list[Fault]:
    """A text that stops in the middle, as one cut off by a limit does."""
    if CLOSING.search(case.plain):
        return []
    last = case.plain.rsplit("\n", 1)[-1]
    # A closing line of facts ("规格与价格：100ml，198元") or a short sign-off needs no full stop.
    if re.search(r"[\d)]\s*(?:元|ml|g|片|원)$", last) or (":" in last and len(last) < 30):
        return [Fault("unfinished", 0.1)] if case.max_chars <= 150 else []
    tail = segmented(re.sub(r"[^\u4e00-\u9fff]", "", last[-12:]))[-1:]
    cut = bool(tail) and len(tail[0]) == 1 and dictionary().get(tail[0], 99.0) > UNCOMMON
    if cut or case.plain[-1:] in ",、:;" or re.search(r"[的和与在把以为是因而了]$", case.plain):
        return [Fault("unfinished", 1.8)]
    return [Fault("unfinished", 1.0)]


def repetition(case: Case) -> list[Fault]:
    """The share of the writer's own runs that come twice, and clauses said again."""
    size = GRAMS[case.language]
    text = re.sub(r"[^\w\x00]", "", bare(case)) if case.language == "zh" else bare(case)
    runs = Counter(
        run for i in range(len(text) - size + 1) if HOLE not in (run := text[i : i + size])
    )
    total = sum(runs.values())
    again = sum(count - 1 for count in runs.values())
    share = again / total if total else 0.0
    clauses = Counter(clause for clause in case.clauses if len(clause) >= 5)
    twice = [clause for clause, count in clauses.items() if count > 1]
    stammer = re.findall(r"([\u4e00-\u9fff]{2,6}?)\1", case.plain)
    stammer = [word for word in stammer if not re.fullmatch(r"(.)\1", word)]
    loss = 9.0 * max(0.0, share - 0.02) + 0.5 * len(twice) + 0.5 * len(stammer)
    if loss < 0.2:
        return []
    shown = (twice or stammer or [run for run, count in runs.most_common(1)])[0]
    return [Fault("repeated", min(4.0, loss), shown[:14], grave=loss > 2.0)]


def odd_runs(case: Case) -> list[Fault]:
    """Uncommon characters that stand alone side by side, where words are expected.

    Measured on 36 sound texts and on the same texts with one character in twelve displaced: such
    neighbours make 1.7 % of a sound text and 9 % of a displaced one. The longest run is not
    counted, for every writer coins a word, and 40 characters are added to each text's length, so
    that a few cannot decide over a short one.
    """
    costs = dictionary()
    known = topic("language", "zh")["domain"]["words"]
    streaks = [""]
    chars = 0
    for run in re.findall(r"[\u4e00-\u9fff]+", masked(bare(case), known)):
        chars += len(run)
        streaks.append("")
        for word in segmented(run):
            alone = len(word) == 1 and costs.get(word, 99.0) > UNCOMMON
            streaks.append("") if not alone else streaks.append(streaks.pop() + word)
    odd = sorted((streak for streak in streaks if len(streak) > 1), key=len, reverse=True)
    share = sum(len(streak) - 1 for streak in odd[1:]) / (chars + 40)
    loss = 80.0 * max(0.0, share - 0.021)
    if loss < 0.25:
        return []
    return [Fault("implausible", min(3.5, loss), "、".join(odd[:2]), grave=loss > 1.8)]


def broken(case: Case) -> list[Fault]:
    """Doubled particles, sentences that end on a connective, punctuation in a heap."""
    text = bare(case)
    hits: list[str] = []
    for entry in ("doubled", "broken_end", "broken_marks"):
        found = pattern("language", "broken", entry, "zh")
        hits += [hit[0].strip() for hit in found.finditer(text)]
    if not hits:
        return []
    loss = 0.5 * len(hits) * min(1.0, 200 / (case.chars + 60))
    return [Fault("implausible", min(3.0, loss), hits[0], grave=loss > 1.6)]


def listed(case: Case) -> list[Fault]:
    """A card of facts: labels, or the facts' own strings with little said between them."""
    labels = len(pattern("language", "listed", "labels", case.language).findall(case.plain))
    text = re.sub(r"[\s\d%.,。、:;!?]", "", bare(case))
    held = text.count(HOLE) / max(1, len(text))
    reasons = len(pattern("voice", "reasoning", "connectives", case.language).findall(case.plain))
    allowed = 4 if case.content_type.startswith("ecommerce") else 1
    loss = 0.45 * max(0, labels - allowed)
    loss += 4.0 * max(0.0, held - 0.52) + (0.4 if held > 0.45 and not reasons else 0.0)
    return [Fault("listed", min(2.5, loss))] if loss >= 0.3 else []
