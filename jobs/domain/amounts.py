"""A copy about a product whose concentrations have to be read: whose is which, and who has none.

In most briefs of a catalogue one ingredient has a concentration, the first. A model that is trained
on them takes whatever percentage it finds for the first ingredient's. Here others get one in the
brief, which the text does not mention, or the first loses its own in brief and text alike.
"""

import json
import re
from collections.abc import Sequence
from random import Random

GIVEN = 0.5  # of the ingredients without a concentration that get one
TAKEN = 0.15  # of the briefs whose first ingredient loses its own, where the text allows it


def amounts_of(facts: Sequence[str]) -> list[str]:
    """Every concentration of some briefs, as often as it is there.

    >>> amounts_of(['{"ingredients": [{"name": "泛醇", "concentration": "5%"}, {"name": "水"}]}'])
    ['5%']
    """
    entries = [entry for one in facts for entry in json.loads(one).get("ingredients", ())]
    return sorted(entry["concentration"] for entry in entries if entry.get("concentration"))


def with_other_amounts(
    facts: str, text: str, amounts: Sequence[str], rng: Random
) -> tuple[str, str]:
    """A brief's facts and its text after concentrations were given and taken away.

    What the text says stays true: an ingredient that it names with an amount keeps that one, and
    an amount that is given is in neither facts nor text.

    >>> source = '{"ingredients": [{"name": "泛醇", "concentration": "5%"}, {"name": "角鲨烷"}]}'
    >>> facts, text = with_other_amounts(source, "含5%泛醇。", ["2%"], Random(4))
    >>> [entry.get("concentration") for entry in json.loads(facts)["ingredients"]], text
    (['5%', '2%'], '含5%泛醇。')
    """
    content = json.loads(facts)
    entries = content.get("ingredients") or []
    if not entries or not amounts:
        return facts, text
    taken = without_first(entries[0], text) if rng.random() < TAKEN else None
    if taken is not None:
        text = taken
        del entries[0]["concentration"]
    for entry in entries[1:]:
        if entry.get("concentration") or rng.random() >= GIVEN:
            continue
        shown = {other.get("concentration") for other in entries}
        amount = rng.choice(amounts)
        if amount not in shown and not stands(amount, text):
            entry["concentration"] = amount
    return json.dumps(content, ensure_ascii=False), text


def without_first(entry: dict[str, str], text: str) -> str | None:
    """The text with an ingredient's concentration left out before its name, or None.

    >>> without_first({"name": "泛醇", "concentration": "5%"}, "含5%泛醇。")
    '含泛醇。'
    >>> without_first({"name": "泛醇", "concentration": "5%"}, "含泛醇，浓度5%。") is None
    True
    """
    amount = entry.get("concentration")
    if not amount:
        return None
    left = re.sub(rf"(?<![\d.]){re.escape(amount)}\s*(?={re.escape(entry['name'])})", "", text)
    return None if stands(amount, left) else left


def stands(amount: str, text: str) -> bool:
    """The amount is in the text, not as the end of a longer one.

    >>> stands("5%", "0.5%泛醇"), stands("5%", "含5%泛醇")
    (False, True)
    """
    return re.search(rf"(?<![\d.]){re.escape(amount)}", text) is not None
