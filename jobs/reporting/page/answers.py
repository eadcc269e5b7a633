"""The answers' browser: every brief with its answers, verdicts and comparisons, as JSON.

It stands in the page as data that templates/script.js shows; the script sets it as text, never as
markup. Rows are lists to keep the page small: their order is told where they are made.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from jobs.domain.prompts import content_type
from jobs.domain.rows import Answer, Comparison, Failed, Verdict
from jobs.domain.text import char_count, fingerprint
from jobs.reporting.marks import segments
from jobs.reporting.page.findings import Findings, answer_scores, known_metrics
from jobs.reporting.page.making import fact_lines

MOST_BYTES = 4_000_000  # of the data; briefs beyond it are left out, and the page says so


def browser(findings: Findings, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """What the browser shows. Briefs are kept by hash, so that those left out are of every kind."""
    cards = brief_cards(findings)
    kept, size = [], 0
    for card in sorted(cards, key=lambda card: fingerprint(card["id"])):
        size += len(as_json(card).encode())
        if size > most_bytes:
            break
        kept.append(card)
    kept.sort(key=lambda card: card["id"])
    facts = list(dict.fromkeys(card["facts"] for card in kept))
    places = {text: place for place, text in enumerate(facts)}
    kinds = sorted({card["kind"] for card in kept})
    return {
        "models": findings.models,
        "references": sorted(findings.references),
        "kinds": {name: _kind(name, findings.guide.language) for name in kinds},
        "facts": [fact_lines(text) for text in facts],
        "briefs": [{**card, "facts": places[card["facts"]]} for card in kept],
        "left_out": len(cards) - len(kept),
        "language": findings.guide.language,
    }


def _kind(name: str, language: str) -> tuple[str, int, int]:
    kind = content_type(name, language)
    return kind.label, kind.min_chars, kind.max_chars


def brief_cards(findings: Findings) -> list[dict[str, Any]]:
    """Each brief with the answers of all models, in the scoreboard's order."""
    judged = findings.judged
    said = _grouped(judged.verdicts, "answer_id")
    pairs = _grouped(judged.comparisons, "brief_id")
    failed = _grouped(judged.failures, "row_id")
    unpaired = [row for row in judged.failures if ">" in row.row_id]  # brief_id@first>second#metric
    scores = answer_scores(judged.verdicts, findings.guide.language)
    beside = {m.file for m in known_metrics(findings.guide.language).values() if not m.weight}
    order = {model: place for place, model in enumerate(findings.models)}
    cards: dict[str, dict[str, Any]] = {}
    for answer in sorted(judged.answers, key=lambda a: (a.brief_id, order[a.model])):
        card = cards.setdefault(answer.brief_id, _card(answer, pairs[answer.brief_id]))
        verdicts = sorted(  # those that count in the score before those that stand beside it
            said[answer.answer_id],
            key=lambda v: (v.metric in beside, v.metric, v.judge),
        )
        entry = _entry(answer, verdicts, failed[answer.answer_id])
        score = scores.get((answer.brief_id, answer.model))
        entry["score"] = None if score is None else round(score.value, 2)
        entry["text"] = segments(answer.text, findings.guide, answer.facts)
        card["answers"].append(entry)
    for row in unpaired:
        brief_id, _, pair = row.row_id.partition("@")
        if brief_id in cards:
            cards[brief_id]["unpaired"].append((pair, row.step, row.error, row.message))
    return list(cards.values())


def _grouped(rows: Iterable[Any], key: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return found


def _card(answer: Answer, pairs: Sequence[Comparison]) -> dict[str, Any]:
    return {
        "id": answer.brief_id,
        "product": answer.product_id,
        "name": str(json.loads(answer.facts).get("name", answer.product_id)),
        "kind": answer.content_type,
        "split": answer.split,
        "fresh": answer.new_hero,
        "facts": answer.facts,
        "answers": [],
        "unpaired": [],  # pair, step, error, message
        "pairs": [  # first, second, winner, metric, judge, reason, journal key
            (p.first, p.second, p.winner, p.metric, p.judge, p.reason, p.journal_key)
            for p in sorted(pairs, key=lambda p: (sorted((p.first, p.second)), p.metric, p.judge))
        ],
    }


def _entry(answer: Answer, said: Sequence[Verdict], failed: Sequence[Failed]) -> dict[str, Any]:
    return {
        "id": answer.answer_id,
        "model": answer.model,
        "chars": char_count(answer.text),
        "finish": answer.finish_reason,
        "tokens": (answer.prompt_tokens, answer.completion_tokens),
        "verdicts": [  # metric, judge, score, reason, journal key
            (v.metric, v.judge, v.score, v.reason, v.journal_key) for v in said
        ],
        "failures": [(row.step, row.error, row.message) for row in failed],
    }


def as_json(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def embedded(value: Mapping[str, Any]) -> Markup:
    """JSON that may stand in a script element: nothing in it can end the element or open another.

    >>> str(embedded({"text": "</script><!--"}))
    '{"text":"\\\\u003c/script\\\\u003e\\\\u003c!--"}'
    """
    text = as_json(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
