"""A copy about a product of another name: names are to be read, not known by heart.

A catalogue has a few hundred names and each is in many copies; a model that is trained on them
writes what it remembers where a new product's name should stand. Here product and ingredients get
names that no catalogue has, in brief and copy alike, and all else stays as it was. What a product's
name has of its ingredients' names it keeps: to tell the two apart is half of copying them.
"""

import json
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from random import Random
from typing import Any

from jobs.domain.amounts import amounts_of, with_other_amounts
from jobs.domain.text import common_characters

IDEOGRAPHS = re.compile(r"[\u4e00-\u9fff]")
WORDS = re.compile(r"[^\W\d_]+")


class Renamer:
    """Gives products and ingredients new names, drawn from a brand's own texts and names.

    A third are words out of another text, which a model would rather continue as that text does; a
    third begin as another product's name; a third are any characters or words.
    """

    def __init__(self, facts: Sequence[str], texts: Sequence[str], language: str) -> None:
        self.language, self.texts, self.amounts = language, texts, amounts_of(facts)
        self.names = sorted({str(json.loads(one)["name"]) for one in facts})
        own = {unit for one in texts for unit in units(one, language)}
        self.any = common_characters() if language == "zh" else sorted(own)

    def altered(self, facts: str, text: str, rng: Random) -> tuple[str, str]:
        """A brief's facts and its text with new names, and concentrations that have to be read."""
        return with_other_amounts(*self.renamed(facts, text, rng), self.amounts, rng)

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
        name = content["name"]
        ingredients = [entry["name"] for entry in content.get("ingredients", ())]
        roots = {
            part: self._some(2, 4, rng) for part in shared_parts(name, ingredients, self.language)
        }
        new = {one: self._ingredient(one, roots, rng) for one in ingredients}
        new[name] = self._product(name, roots, rng)
        new = {old: one for old, one in new.items() if len(old) > 1}  # else a part of other words
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

    def _ingredient(self, name: str, roots: dict[str, str], rng: Random) -> str:
        for part, root in roots.items():
            if part in name:
                return name.replace(part, root)
        return self._joined(self._some(2, 5, rng), self._end(name, 1))

    def _product(self, name: str, roots: dict[str, str], rng: Random) -> str:
        """The roots in their places, its own end, new words for what is between."""
        end = self._end(name, rng.choice((2, 2, 3, 4)))
        if not roots:
            return self._joined(self._some(2, 6, rng), end)
        between = re.split(f"({'|'.join(map(re.escape, roots))})", name.removesuffix(end))
        fronts = [roots.get(part) or self._some(1, 3, rng) for part in between if part.strip()]
        return self._joined(*fronts, end)

    def _end(self, name: str, count: int) -> str:
        """What a name ends with: what sort of thing it names."""
        own = pieces(name, self.language)
        return self._joined(*own[-max(1, min(count, len(own) - 1)) :])

    def _some(self, fewest: int, most: int, rng: Random) -> str:
        """New words: characters in Chinese."""
        count, way = rng.randint(fewest, most), rng.randrange(3)
        if way == 0:
            source = units(rng.choice(self.texts), self.language)
            start = rng.randrange(max(1, len(source) - count))
            return self._joined(*source[start : start + count])
        if way == 1:
            return self._joined(*units(rng.choice(self.names), self.language)[:count])
        return self._joined(*rng.choices(self.any, k=count))

    def _joined(self, *parts: str) -> str:
        return ("" if self.language == "zh" else " ").join(parts)


def shared_parts(name: str, ingredients: Sequence[str], language: str) -> list[str]:
    """What a product's name has of its ingredients' names, of each at most one part.

    Two characters at least in Chinese, elsewhere whole words.

    >>> shared_parts("烟酰胺传明酸焕亮精华", ["烟酰胺", "传明酸", "甘油"], "zh")
    ['烟酰胺', '传明酸']
    >>> shared_parts("神经酰胺润护身体乳", ["神经酰胺NP"], "zh")
    ['神经酰胺']
    >>> shared_parts("Calm Squalane Cream", ["Squalane oil", "Calcium"], "en")
    ['Squalane']
    """
    is_chinese = language == "zh"
    mine, found = pieces(name, language), list[str]()
    for ingredient in ingredients:
        matcher = SequenceMatcher(None, mine, pieces(ingredient, language), autojunk=False)
        match = matcher.find_longest_match()
        part = ("" if is_chinese else " ").join(mine[match.a : match.a + match.size])
        is_new = not any(part in other or other in part for other in found)
        if match.size > is_chinese and is_new:
            found.append(part)
    return found


def pieces(name: str, language: str) -> list[str]:
    """A name as its characters in Chinese, elsewhere as its words."""
    return list(name) if language == "zh" else name.split()


def units(text: str, language: str) -> list[str]:
    """What names are built of: ideographs in Chinese, elsewhere words.

    >>> units("维C面霜", "zh"), units("Barrier cream, 50 ml", "en")
    (['维', '面', '霜'], ['Barrier', 'cream', 'ml'])
    """
    return (IDEOGRAPHS if language == "zh" else WORDS).findall(text) or [text]
