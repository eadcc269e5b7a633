"""A copy about a product of another name: names are to be read, not known by heart.

A catalogue has a few hundred names and each is in many copies; a model that is trained on them
writes what it remembers where a new product's name should stand. Here product and ingredients get
names that no catalogue has, in brief and copy alike, and all else stays as it was.
"""

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

from jobs.domain.text import common_characters

SHORTEST, LONGEST = 2, 6  # units of a new name before its end
IDEOGRAPHS = re.compile(r"[\u4e00-\u9fff]")
WORDS = re.compile(r"[^\W\d_]+")


class Renamer:
    """Gives products and ingredients new names, drawn from a brand's own texts and names.

    A third are words out of another text, which a model would rather continue as that text does; a
    third begin as another product's name; a third are any characters or words.
    """

    def __init__(self, facts: Sequence[str], texts: Sequence[str], language: str) -> None:
        self.language, self.texts = language, texts
        self.names = sorted({str(json.loads(one)["name"]) for one in facts})
        own = {unit for one in texts for unit in units(one, language)}
        self.any = common_characters() if language == "zh" else sorted(own)

    def renamed(self, facts: str, text: str, rng: Random) -> tuple[str, str]:
        """A brief's facts and its text with new names; the end of a name, its sort, stays.

        >>> source = '{"name": "微光面霜", "ingredients": [{"name": "泛醇"}], "price": "9元"}'
        >>> renamer = Renamer([source], ["每晚两滴，慢慢来。"], "zh")
        >>> facts, text = renamer.renamed(source, "微光面霜含泛醇，9元。", Random(0))
        >>> new = json.loads(facts)
        >>> new["name"].endswith("面霜"), new["ingredients"][0]["name"].endswith("醇")
        (True, True)
        >>> text == f"{new['name']}含{new['ingredients'][0]['name']}，9元。", new["price"]
        (True, '9元')
        """
        content = json.loads(facts)
        old = [content["name"], *(entry["name"] for entry in content.get("ingredients", ()))]
        ends = [rng.choice((2, 2, 3, 4)), *(1 for _ in old[1:])]
        new = {
            name: self._name(name, end, rng)
            for name, end in zip(old, ends, strict=True)
            if len(name) > 1  # a single character is a part of other words
        }
        if not new:
            return facts, text
        # The longest first: an ingredient's name is often a part of the product's.
        pattern = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))))

        def swapped(value: Any) -> Any:
            if isinstance(value, str):
                return pattern.sub(lambda found: new[found[0]], value)
            if isinstance(value, dict):
                return {key: swapped(one) for key, one in value.items()}
            return [swapped(one) for one in value] if isinstance(value, list) else value

        return json.dumps(swapped(content), ensure_ascii=False), swapped(text)

    def _name(self, name: str, end: int, rng: Random) -> str:
        own = list(name) if self.language == "zh" else units(name, self.language)
        end = max(1, min(end, len(own) - 1))
        count = rng.randint(SHORTEST, LONGEST)
        way = rng.randrange(3)
        if way == 0:
            source = units(rng.choice(self.texts), self.language)
            start = rng.randrange(max(1, len(source) - count))
            front = source[start : start + count]
        elif way == 1:
            front = units(rng.choice(self.names), self.language)[:count]
        else:
            front = rng.choices(self.any, k=count)
        return ("" if self.language == "zh" else " ").join([*front, *own[-end:]])


def units(text: str, language: str) -> list[str]:
    """What names are built of: ideographs in Chinese, elsewhere words.

    >>> units("维C面霜", "zh"), units("Barrier cream, 50 ml", "en")
    (['维', '面', '霜'], ['Barrier', 'cream', 'ml'])
    """
    return (IDEOGRAPHS if language == "zh" else WORDS).findall(text) or [text]
