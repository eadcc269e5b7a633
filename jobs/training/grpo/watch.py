"""What is seen of every step: its samples kept, its alarms raised, dev answered where due."""

import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from jobs.domain.alarms import Figures, canary_texts, copies_prompt, raised, repeated_share
from jobs.domain.errors import StageError
from jobs.domain.filters import Checked, first_reason
from jobs.domain.prompts import content_type
from jobs.domain.samples import Sample, facts_of
from jobs.runtime.progress import Counter
from jobs.training.grpo.rewards import Found, Sources, brief_of, rewarded, weighted
from jobs.training.grpo.rollouts import tokens_of
from jobs.training.grpo.settings import MODEL_REWARD, RATER
from jobs.training.grpo.sync import together

if TYPE_CHECKING:
    from jobs.training.grpo.learner import GrpoTask

ROLLOUTS, ALARMS = "rollouts", "alarms"  # folders of a stage: a file for each step
FIRST = "first_step.json"
MISSING_OVER = 5  # steps over which the share of failed calls is taken
CANARY_BRIEFS = 2  # of dev, on which canaries are scored


@dataclass(frozen=True)
class Seen:
    """One sample of a step."""

    brief: str  # JSON
    prompt: str  # its user message
    text: str
    finish_reason: str
    version: int
    tokens: int
    rewards: Found
    advantage: float


class Watcher:
    """Every learner has one; the first writes and judges, and all stop together."""

    def __init__(self, task: "GrpoTask") -> None:
        self.task = task
        self.trainer: Any = None
        self.entropy: float | None = None  # of the step before
        self.count = Counter(task.stage_id)
        self.sources = Sources(task.guide, task.scorer, task.rater)
        names = list(task.rewards.weights)
        self.judged = [name for name in names if name in (MODEL_REWARD, RATER)]
        self.rules = [name for name in names if name not in self.judged]
        self.means: deque[dict[str, float | None]] = deque(maxlen=task.alarms.window)
        self.missing: deque[float] = deque(maxlen=MISSING_OVER)

    def callbacks(self, report: Any) -> list[Any]:
        """What the Trainer calls: dev answers before each checkpoint, then the report of it."""
        from transformers import TrainerCallback

        watcher = self

        class Watching(TrainerCallback):  # type: ignore[misc]
            """Keeps the entropy that TRL logs; has dev answered where a checkpoint comes."""

            def on_log(
                self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any
            ) -> None:
                watcher.entropy = (logs or {}).get("entropy", watcher.entropy)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                due = state.global_step % args.save_steps == 0
                if watcher.task.dev and (due or state.global_step >= state.max_steps):
                    report.last["dev_kept"] = watcher.dev_kept()

        return [Watching(), report]

    def saw(self, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Look at the samples that TRL has just scored; all workers call it. Raises StageError."""
        import torch.distributed as dist

        columns = ("brief", "prompt", "finish_reason", "version", "tokens")
        every: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(every, [[row[name] for name in columns] for row in inputs])
        logs = self.trainer._logs
        names, found = list(logs["rewards"]), self.trainer.found.tolist()
        seen = [
            Seen(
                brief,
                prompt[-1]["content"],
                completion[0]["content"],
                reason,
                version,
                tokens,
                {
                    name: None if math.isnan(value) else value
                    for name, value in zip(names, values, strict=True)
                },
                advantage,
            )
            for (brief, prompt, reason, version, tokens), completion, values, advantage in zip(
                [row for part in every for row in part],
                logs["completion"],
                found,
                logs["advantages"],
                strict=True,
            )
        ]
        step = int(self.trainer.state.global_step) + 1  # that learns from them
        together(lambda: self._look(step, seen))

    def _look(self, step: int, seen: list[Seen]) -> None:
        """Keep the samples; raise StageError where they show what must not go on."""
        self._keep(step, seen)
        means = {name: mean(sample.rewards[name] for sample in seen) for name in seen[0].rewards}
        self.means.append(means)
        total = weighted(means, self.task.rewards.weights)
        self.count(
            {"reward": total} if total is not None else {}, tokens=sum(s.tokens for s in seen)
        )
        self._stop_where_missing(seen)
        alarms = [
            str(alarm)
            for alarm in raised(self._figures(step, seen, total), self.task.alarms.thresholds)
        ]
        if not alarms:  # those of a step that is done again, after a kill, are of other samples
            (self.task.folder / ALARMS).delete_file(f"{step:08d}.json")
            return
        (self.task.folder / ALARMS).write_json(f"{step:08d}.json", alarms)
        if self.task.alarms.fatal:
            raise StageError(
                f"step {step}: {'; '.join(alarms)}. Read the samples in {ROLLOUTS}/, then change "
                f"[rewards], raise beta in [grpo.trl], or set [alarms] fatal = false."
            )

    def _keep(self, step: int, seen: list[Seen]) -> None:
        lines = [
            json.dumps({**asdict(sample), "step": step}, ensure_ascii=False) for sample in seen
        ]
        folder = self.task.folder / ROLLOUTS
        folder.write_bytes(f"{step:08d}.jsonl", "\n".join(lines).encode())

    def _stop_where_missing(self, seen: list[Seen]) -> None:
        """Raise StageError where too many of the rater's calls failed over the last steps."""
        if RATER not in self.task.rewards.weights:
            return
        self.missing.append(fmean(sample.rewards[RATER] is None for sample in seen))
        share, most = fmean(self.missing), self.task.rewards.missing_share
        if len(self.missing) == MISSING_OVER and share > most:
            raise StageError(
                f"{share:.0%} of the rater's calls failed over {MISSING_OVER} steps; [rewards] "
                f"missing_share allows {most:.0%}. Look at the account in [rater], then run the "
                f"same command again: it goes on from the last checkpoint."
            )

    def _figures(self, step: int, seen: list[Seen], total: float | None) -> Figures:
        length = fmean(sample.tokens for sample in seen)
        first = self._first(seen)
        kinds = [brief_of(sample.brief).content_type for sample in seen]
        language = self.task.guide.language
        due = (step - 1) % self.task.alarms.every_steps == 0  # the first step too
        return Figures(
            length=length,
            sft_length=fmean(first["lengths"][kind] for kind in kinds),
            repeated=fmean(repeated_share(sample.text) for sample in seen),
            copied=fmean(copies_prompt(sample.text, sample.prompt, language) for sample in seen),
            reward=total,
            canaries=self._canaries() if due else {},
            rules=[mean(one[name] for name in self.rules) for one in self.means],
            judged={name: [one[name] for one in self.means] for name in self.judged},
            entropy=self.entropy,
            first_entropy=first["entropy"],
        )

    def _first(self, seen: list[Seen]) -> dict[str, Any]:
        """Entropy and, by content type, lengths of the policy that training began with.

        A type's length is that of the first step that has it: ads and stories differ threefold, and
        a step has few briefs. Kept over restarts.
        """
        folder = self.task.folder
        found: dict[str, Any] = {"lengths": {}, "entropy": None}
        if (folder / FIRST).exists():
            found = folder.read_json(FIRST)
        known = json.dumps(found)
        tokens: dict[str, list[int]] = {}
        for sample in seen:
            tokens.setdefault(brief_of(sample.brief).content_type, []).append(sample.tokens)
        found["lengths"] = {kind: fmean(one) for kind, one in tokens.items()} | found["lengths"]
        if found["entropy"] is None:
            found["entropy"] = self.entropy
        if json.dumps(found) != known:
            folder.write_json(FIRST, found)
        return found

    def _canaries(self) -> dict[str, float | None]:
        """The reward of texts that are worth nothing, on some dev briefs: the most of each."""
        task, found = self.task, {}
        briefs = [brief_of(row["brief"]) for row in task.dev[:CANARY_BRIEFS]]
        for brief in briefs:
            texts = canary_texts(brief, task.guide)
            samples = [Sample(brief, task.guide, text, "stop") for text in texts.values()]
            for name, parts in zip(
                texts, rewarded(list(task.rewards.weights), self.sources, samples), strict=True
            ):
                worth = weighted(parts, task.rewards.weights)
                found[name] = max(
                    (one for one in (found.get(name), worth) if one is not None), default=None
                )
        return found

    def dev_kept(self) -> float:
        """The share of dev answers that no cleaning filter would drop; no reward is among them."""
        self.trainer.vllm_generation.sync_weights()
        return float(together(self._kept))

    def _kept(self) -> float:
        task, pool = self.task, self.trainer.vllm_generation.pool
        prompts = [tokens_of(self.trainer.processing_class, row["prompt"]) for row in task.dev]
        sampling = {"max_tokens": task.rollouts.max_tokens, **task.rollouts.dev}
        answers = pool.answers(pool.ask(prompts, sampling), sampling)
        return fmean(
            not dropped(row["brief"], answer.text, task.guide)
            for row, answer in zip(task.dev, answers, strict=True)
        )


def dropped(brief: str, text: str, guide: Any) -> str:
    """The filter that would drop a text, empty where none would."""
    there = brief_of(brief)
    kind = content_type(there.content_type, there.language)
    return first_reason(Checked(text, kind, guide, facts_of(there.facts)))


def mean(values: Any) -> float | None:
    """Of those that are there; None of none.

    >>> mean([0.5, None, 1.0]), mean([None])
    (0.75, None)
    """
    there = [value for value in values if value is not None]
    return fmean(there) if there else None
