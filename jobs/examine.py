"""Golden texts and canaries -> Probe + Failed + examination.json: is the judge fit to judge?

python -m jobs.examine configs/demo.toml

Paid: some thirty short questions a text, to every judge of the panel, by the same prompts and the
same way as jobs.judge. It may read validation: it is the judge that is examined, and nothing is
learned from it. A judgement that cannot be had is filed as failed, it is never a score.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import Field
from ray.data.expressions import col

from jobs.domain.brand import ROOT, Guide, facts_json, product_of
from jobs.domain.errors import InputError, StageError
from jobs.domain.examination.canaries import cases_of, labelled_case
from jobs.domain.examination.cases import Case, Said, Subject, is_right, scores_by_case
from jobs.domain.examination.pairs import pairs_of
from jobs.domain.examination.words import words_of
from jobs.domain.golden import golden_by_brief
from jobs.domain.listing import records
from jobs.domain.metrics import metrics
from jobs.domain.prompts import PROMPTS, content_type
from jobs.domain.rows import Brief, Failed, Probe
from jobs.domain.text import fingerprint
from jobs.engines.models import BaseModelSettings
from jobs.llm.accounts import Accounts, accounts_in
from jobs.llm.api import OFFLINE, Api
from jobs.llm.asking import total_usd
from jobs.llm.budget import Budget
from jobs.llm.examining import PAIR, RUBRIC, ask
from jobs.llm.families import kinship
from jobs.llm.judges import Judging, check_judging, judge_accounts, step_of
from jobs.llm.teachers import accounts
from jobs.reporting.fitness import as_text, examined
from jobs.runtime.briefs import read_briefs
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, write_rows

EXAMINATION = "examination.json"


class Examine(Section):
    """What the judge is examined on."""

    products: int = Field(default=8, ge=1, description="validation products, one text a family")
    seed: int = Field(default=0, description="which products")
    labelled: str = Field(
        default="", description="JSONL: product, content_type, text and a person's score"
    )
    pairs: bool | None = Field(
        default=None, description="show pairs in both orders too; none: if there is a compare stage"
    )


def main(run: Stage) -> Counts:
    """Make the cases, ask every judge, hold its answers against what is known."""
    cases = [*subjects_cases(run), *labelled_cases(run)]
    said, bills = ask(run, cases)
    warnings = kin(run)
    examination = {
        judge: {**examined(replies), "warnings": warnings[judge]} for judge, replies in said.items()
    }
    run.folder.write_json(EXAMINATION, examination)
    print(as_text(examination), flush=True)
    probes = [probe for judge, replies in said.items() for probe in probes_of(judge, replies)]
    failed = [row for judge, replies in said.items() for row in failures(run, judge, replies)]
    return Counts(
        len(cases) * len(said),
        write_rows(probes, Probe, run.folder),
        failed=write_rows(failed, Failed, run.folder),
        usd=total_usd(bills),
        notes={"fit": sum(entry["fit"] for entry in examination.values()), "paid": bills},
    )


def subjects_cases(run: Stage) -> list[Case]:
    """The cases of every text that is shown. Raises StageError where validation has no brief."""
    briefs = read_briefs(run, "val").materialize()
    if not briefs.count():
        raise StageError(f"{run.name}: there is no validation brief to examine a judge with.")
    golden = golden_by_brief(run.config.brand)
    products = sampled(briefs.unique("product_id"), golden, run.settings(Examine))
    rows = briefs.filter(expr=col("product_id").is_in(products)).take_all()
    shown = [Brief(**brief_columns(row)) for row in rows]
    return all_cases(paired(run.guide, by_product(products, shown), golden), with_pairs(run))


def all_cases(subjects: Sequence[Subject], with_pairs: bool) -> list[Case]:
    """Each text alone, then pairs."""
    cases = [case for subject in subjects for case in cases_of(subject)]
    if with_pairs:
        cases += [case for subject in subjects for case in pairs_of(subject)]
    return cases


def sampled(products: Iterable[str], golden: dict[str, str], settings: Examine) -> list[str]:
    """Some products, by a hash; those with golden texts come first."""
    with_golden = {brief_id.rpartition("/")[0] for brief_id in golden}

    def rank(product: str) -> tuple[bool, str]:
        return product not in with_golden, fingerprint("examine", str(settings.seed), product)

    return sorted(products, key=rank)[: settings.products]


def by_product(products: Sequence[str], briefs: Iterable[Brief]) -> list[dict[str, Brief]]:
    """Each product's briefs by content type, in the order of the products."""
    found: dict[str, dict[str, Brief]] = {product: {} for product in products}
    for brief in briefs:
        found[brief.product_id][brief.content_type] = brief
    return list(found.values())


def paired(
    guide: Guide, products: Sequence[dict[str, Brief]], golden: dict[str, str]
) -> list[Subject]:
    """For each product one brief of each family; a family's content types take turns.

    With it comes the next product's text of the same content type.
    """
    found = []
    for turn, briefs in enumerate(products):
        families: dict[str, list[str]] = defaultdict(list)
        for name in sorted(briefs):
            families[content_type(name, guide.language).family].append(name)
        for names in families.values():
            brief = briefs[names[turn % len(names)]]
            after = products[(turn + 1) % len(products)] if len(products) > 1 else {}
            other = after.get(brief.content_type)
            text = golden.get(brief.brief_id, "")
            others = golden.get(other.brief_id, "") if other else ""
            found.append(Subject(brief, guide, text, other, others, len(found)))
    return found


def labelled_cases(run: Stage) -> list[Case]:
    """The texts that people scored. Raises InputError naming the line that cannot be read."""
    path = labelled_file(run)
    cases = []
    for number, row in records(path, run.guide.language) if path else ():
        try:
            product = product_of(row["product"])
            facts, kind = facts_json(product, run.guide.name), str(row["content_type"])
            brief = Brief(
                f"{row.get('id', number)}/{kind}", product.product_id, "val", False,
                run.config.brand, run.guide.language, kind, facts,
            )  # fmt: skip
            cases.append(labelled_case(brief, str(row["text"]), float(row["score"])))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}:{number}: wanted an object with product, content_type, text and score "
                f"({type(error).__name__}: {error}). Correct that line."
            ) from error
    return cases


def labelled_file(run: Stage) -> Path | None:
    """What the settings name, from the repository's root; None where they name nothing."""
    name = run.settings(Examine).labelled
    return ROOT / name if name else None


def with_pairs(run: Stage) -> bool:
    """Whether pairs are shown: as the settings say, else where the run compares pairs."""
    wanted = run.settings(Examine).pairs
    if wanted is None:
        wanted = any(spec.job == "compare" for spec in run.config.stages)
    return wanted and any(metric.name == PAIR for metric in metrics(run.guide.language))


def probes_of(judge: str, replies: list[Said]) -> Iterator[Probe]:
    """Each answer that can be held against what is known."""
    scores = scores_by_case(replies)
    for said in replies:
        right = None if said.error else is_right(said, scores)
        if right is not None:
            yield Probe(
                probe_id=f"{said.case.case_id}#{judge}",
                check=said.case.check,
                judge=judge,
                text=said.case.text,
                other=said.case.other,
                wanted=said.case.in_words,
                said=said.winner or f"{said.score:g}",
                passed=right,
                reason=said.reason,
                journal_key=said.journal_key,
            )


def failures(run: Stage, judge: str, replies: list[Said]) -> Iterator[Failed]:
    """What could not be had, and what lacks the score that it is held against."""
    scores, step = scores_by_case(replies), step_of(run, judge=judge)
    for said in replies:
        row_id = f"{said.case.case_id}#{judge}"
        if said.error:
            yield Failed(row_id, step, said.error, said.message)
        elif is_right(said, scores) is None:
            yield Failed(row_id, step, "no_reference", "what it is held against was not judged")


def kin(run: Stage) -> dict[str, list[str]]:
    """By judge: warnings that it is of one family with what it judges, or with the teacher."""
    others = {
        "teacher": [known_as(api) for api in accounts(run)],
        "student": [run.section("base", BaseModelSettings).model],
        "candidate": [known_as(api) for api in accounts_in(run, "accounts").values()],
    }
    return {name: kinship(known_as(api), others) for name, api in judge_accounts(run).items()}


def known_as(api: Api) -> str:
    """The model's name; the embedded stand-in is known as such, whatever it is called."""
    return OFFLINE if api.is_offline else api.model


def check(stage: Stage) -> None:
    """Raises, before money is spent, what is amiss with judges, prompts, words or labels."""
    check_judging("alone", lambda _: (RUBRIC,))(stage)
    words_of(stage.guide.language)
    labelled_cases(stage)


def shown(stage: Stage) -> list[Path]:
    """What shapes the result by settings: the labels, and the pair prompt where it is asked."""
    labels, language = labelled_file(stage), stage.guide.language
    pair = PROMPTS / "judge" / f"{PAIR}.{language}.md"
    return [*([labels] if labels else []), *([pair] if with_pairs(stage) else [])]


JOB = Job(
    name="examine",
    main=main,
    sections={
        "examine": Examine,
        "judge": Api,
        "judges": Accounts,
        "judging": Judging,
        "teacher": Api,
        "teachers": Accounts,
        "accounts": Accounts,
        "base": BaseModelSettings,
        "budget": Budget,
    },
    reads=("brief",),
    sources=(
        "configs/brands/{brand}",
        "configs/families",
        "prompts/judge",
        "prompts/partials",
        "prompts/chat",
        "jobs/domain/examination",
        "jobs/llm/offline/judge",
    ),
    files=shown,
    check=check,
)

if __name__ == "__main__":
    start("examine")
