"""What can be counted in a sample for a reward: pure functions, each from 0.0 to 1.0.

None of them is worth much alone, and each can be had cheaply; they are made to guard one another:

- An empty or tiny text is right in all that it does not say: figures, banned words, calm. Length,
  names, repetition, language and end are 0.0 there.
- A text that only lists names and encouraged words pays in `within_length` and `no_repetition`;
  encouraged words give no more from the second on, and less where they are heaped up.
- Length cannot be had by saying a thing twice (`no_repetition`), nor by rambling to the limit
  (`ended`), nor in another language (`own_language`).
- Leaving out all figures keeps `figures_true` at 1.0: whether a text says enough is for the rater
  and the reward model, and jobs/domain/alarms.py watches whether they fall as these rise.
"""

from collections.abc import Callable

from jobs.domain.accuracy import figures_right
from jobs.domain.brand import Guide
from jobs.domain.coverage import encouraged_used, purpose_said
from jobs.domain.damage import in_other_language, is_cut_off
from jobs.domain.disguise import has_word
from jobs.domain.diversity import runs_again
from jobs.domain.lexicon import compact, folded
from jobs.domain.markup import has_markup
from jobs.domain.naming import adds_ingredient, ingredient_names
from jobs.domain.naming import names_product as is_about
from jobs.domain.rows import Brief
from jobs.domain.samples import Sample
from jobs.domain.text import char_count
from jobs.domain.wording import asks_for_action, claims, exclaims

ENOUGH_WORDS = 2  # encouraged words in a text, from which more bring nothing
HEAPED = (0.15, 0.30)  # share of the letters that they are, from which the reward falls, to 0.0
GRAM = 4  # characters
# Share of distinct 4-grams at which a text repeats nothing to speak of, and at which it does little
# else: nine in ten of the demo's train copies lie above DISTINCT[1].
DISTINCT = (0.5, 0.9)
RUNS = 12  # of eight letters that come again, at which nothing is left of the reward


Reward = Callable[[Sample], float]
REWARDS: dict[str, Reward] = {}  # in the order in which they are logged


def reward(found: Reward) -> Reward:
    """Register a rule reward by its name."""
    REWARDS[found.__name__] = found
    return found


def rule_rewards() -> dict[str, Reward]:
    """Every rule reward by its name, as `[grpo] weights` calls them."""
    return dict(REWARDS)


def example(text: str, finish_reason: str = "stop", kind: str = "paid_ad_fab") -> Sample:
    """The text as a sample for the one brief that all doctests here are about."""
    facts = (
        '{"brand":"原素方程","name":"泛醇润护乳","category":"乳液","size":"80ml","price":"129元",'
        '"ingredients":[{"name":"泛醇","role":"舒缓","concentration":"5%"},'
        '{"name":"角鲨烷","role":"补充油脂"}],"effects":["减少紧绷"]}'
    )
    brief = Brief(f"p/{kind}", "p", "train", False, "yuansu", "zh", kind, facts)
    words = ("屏障", "温和", "配方")
    guide = Guide("原素方程", "zh", "护肤", "", "", (), words, ("神器", "逆天"))
    return Sample(brief, guide, text, finish_reason)


@reward
def within_length(sample: Sample) -> float:
    """1.0 within the content type's bounds, else linearly down: to 0 characters, to twice the most.

    >>> [within_length(example("字" * count)) for count in (0, 25, 50, 120, 180, 300)]
    [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
    """
    count, kind = char_count(sample.text), sample.kind
    if count < kind.min_chars:
        return count / kind.min_chars
    return min(1.0, max(0.0, 2.0 - count / kind.max_chars))


@reward
def names_product(sample: Sample) -> float:
    """1.0 for the product's name as it is, 0.5 for hero and category, 0.0 for neither.

    >>> texts = ("泛醇润护乳，温和。", "一支泛醇乳液。", "一支好用的乳液。", "")
    >>> [names_product(example(text)) for text in texts]
    [1.0, 0.5, 0.0, 0.0]
    """
    name = compact(str(sample.facts.get("name", "")))
    if name and name in sample.letters:
        return 1.0
    return 0.5 * is_about(sample.text, sample.facts, sample.language)


@reward
def names_hero(sample: Sample) -> float:
    """1.0 where the first ingredient is named, 0.5 where only the product's name holds it.

    A product without ingredients has its name for a hero.

    >>> texts = ("泛醇润护乳含5%泛醇。", "泛醇润护乳，温和。", "润护乳，温和。", "")
    >>> [names_hero(example(text)) for text in texts]
    [1.0, 0.5, 0.0, 0.0]
    """
    ingredients = sample.facts.get("ingredients") or []
    if not ingredients:
        return names_product(sample)
    forms = [compact(form) for form in ingredient_names(ingredients[0]["name"], sample.language)]
    name = compact(str(sample.facts.get("name", "")))
    rest = sample.letters.replace(name, "\n") if name else sample.letters
    if any(form in rest for form in forms):
        return 1.0
    return 0.5 * any(form in sample.letters for form in forms)


@reward
def figures_true(sample: Sample) -> float:
    """The share of the product's concentrations, sizes and prices in it that are the facts'.

    1.0 where it states none. A concentration has to be that very ingredient's.

    >>> texts = ("含5%泛醇。", "含5%泛醇，售价199元。", "含5%角鲨烷。", "含泛醇。")
    >>> [figures_true(example(text)) for text in texts]
    [1.0, 0.5, 0.0, 1.0]
    """
    found = figures_right(sample.text, sample.facts, sample.language)
    return sum(found) / len(found) if found else 1.0


@reward
def says_what_for(sample: Sample) -> float:
    """How much it says of these: what the hero does, what comes of it, whom it suits.

    1.0 for a product whose facts have none of the three.

    >>> texts = ("5%泛醇舒缓肌肤，紧绷慢慢减少。", "泛醇，减少紧绷。", "泛醇润护乳。")
    >>> [says_what_for(example(text)) for text in texts]
    [1.0, 0.5, 0.0]
    """
    said = purpose_said(sample.text, sample.facts, sample.language)
    return sum(said) / len(said) if said else 1.0


@reward
def ingredients_true(sample: Sample) -> float:
    """0.0 where it says that the product contains what the facts do not name, else 1.0.

    >>> ingredients_true(example("配方还加入了视黄醇，用来紧致肌肤。"))
    0.0
    >>> ingredients_true(example("配方里的角鲨烷补充油脂。"))
    1.0
    """
    return 1.0 - adds_ingredient(sample.text, sample.facts, sample.language)


@reward
def banned_words_absent(sample: Sample) -> float:
    """1.0 without a word that the guide bans, plain or disguised; 0.5 with one, 0.0 with more.

    >>> texts = ("温和的乳液。", "护肤神器。", "护肤神 器，逆天。")
    >>> [banned_words_absent(example(text)) for text in texts]
    [1.0, 0.5, 0.0]
    """
    line, words = folded(sample.text), sample.guide.banned
    return max(0.0, 1.0 - 0.5 * sum(has_word(line, one, words, sample.language) for one in words))


@reward
def calm(sample: Sample) -> float:
    """0.0 where it shouts, promises without limit or frightens, else 1.0.

    >>> texts = ("紧绷感慢慢减轻。", "最有效的乳液。", "真好！！")
    >>> [calm(example(text)) for text in texts]
    [1.0, 0.0, 0.0]
    """
    text, language = sample.text, sample.language
    loud = exclaims(text) or claims(text, language, "absolute") or claims(text, language, "fear")
    return float(not loud)


@reward
def encouraged_words(sample: Sample) -> float:
    """How many of the guide's words it uses, 1.0 from the second on; less where they are heaped up.

    >>> plain = "这支乳液给换季时容易发紧的皮肤，洗完脸取一点，慢慢推开"
    >>> [encouraged_words(example(plain + end)) for end in ("。", "，很温和。", "，配方温和。")]
    [0.0, 0.5, 1.0]
    >>> encouraged_words(example("屏障温和配方屏障温和配方。"))
    0.0
    """
    words = sample.guide.encouraged
    if not words or not sample.letters:
        return float(not words)
    used = min(1.0, encouraged_used(sample.text, words) / ENOUGH_WORDS)
    line = folded(sample.text)
    heaped = sum(line.count(folded(word)) * len(word) for word in words) / len(sample.letters)
    return used * (1.0 - between(heaped, HEAPED))


@reward
def calls_to_action(sample: Sample) -> float:
    """1.0 where it asks the reader to do something, or its content type asks for no such thing.

    >>> [calls_to_action(example(text)) for text in ("今晚给皮肤一次机会。", "它很温和。")]
    [1.0, 0.0]
    >>> calls_to_action(example("它很温和。", kind="social_media_review"))
    1.0
    """
    if "call_to_action" not in sample.kind.requires:
        return 1.0
    return float(asks_for_action(sample.text, sample.facts, sample.language))


@reward
def no_repetition(sample: Sample) -> float:
    """1.0 where few of its runs of four characters come twice, 0.0 where half of them do.

    >>> no_repetition(example("泛醇舒缓，角鲨烷补充油脂，紧绷感慢慢减轻。"))
    1.0
    >>> no_repetition(example("温和的乳液。" * 9)), no_repetition(example("好"))
    (0.0, 0.0)
    """
    letters = sample.letters
    runs = [letters[place : place + GRAM] for place in range(len(letters) - GRAM + 1)]
    return between(len(set(runs)) / len(runs), DISTINCT) if runs else 0.0


@reward
def says_once(sample: Sample) -> float:
    """1.0 where no run of eight letters comes twice, names apart; 0.0 where a dozen do.

    A clause that comes again is a small share of a long text, and its worst fault to a reader.

    >>> clause = "洗完脸擦干以后先抹一层"
    >>> [says_once(example(text)) for text in ("泛醇润护乳，" * 3, clause, f"{clause}；{clause}")]
    [1.0, 1.0, 0.6666666666666667]
    """
    entries = sample.facts.get("ingredients") or []
    names = [compact(str(one.get("name", ""))) for one in (sample.facts, *entries)]
    return max(0.0, 1.0 - runs_again(sample.letters, names) / RUNS)


@reward
def ended(sample: Sample) -> float:
    """1.0 where the model stopped by itself, at the end of a sentence.

    >>> ended(example("慢慢来。")), ended(example("慢慢来，")), ended(example("慢慢来。", "length"))
    (1.0, 0.0, 0.0)
    """
    stopped = sample.finish_reason == "stop"
    return float(stopped and not is_cut_off(sample.text, sample.language))


@reward
def own_language(sample: Sample) -> float:
    """1.0 in the guide's language.

    >>> own_language(example("一支温和的乳液。")), own_language(example("A calm lotion."))
    (1.0, 0.0)
    """
    return float(bool(sample.letters) and not in_other_language(sample.text, sample.language))


@reward
def plain_text(sample: Sample) -> float:
    """0.0 with a tag, a heading, a placeholder or a chat's preamble in it, else 1.0.

    >>> plain_text(example("**泛醇**润护乳")), plain_text(example("泛醇润护乳"))
    (0.0, 1.0)
    """
    return 1.0 - has_markup(sample.text, sample.language)


def between(found: float, bounds: tuple[float, float]) -> float:
    """Where a figure lies from the lower bound, 0.0, to the upper, 1.0.

    >>> [between(found, (0.5, 0.9)) for found in (0.3, 0.7, 1.0)]
    [0.0, 0.5, 1.0]
    """
    low, high = bounds
    return round(min(1.0, max(0.0, (found - low) / (high - low))), 6)
