"""A model's card tells what the run knows, and no score that cannot be believed."""

from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from jobs.domain.brand import load_guide
from jobs.reporting.model_card import Made, ModelSheet, Source, render_model_card
from tests.finished_run import whole_board
from tests.wire.hub import metadata_errors


def sheet() -> ModelSheet:
    board = whole_board(False, 0.0, full=False)
    fit = {"judge": {"fit": True, "reasons": [], "checks": []}}
    return ModelSheet(
        run="small", guide=load_guide("yuansu"), base=Source("Qwen/Qwen2.5-0.5B", on_hub=True),
        parts=("model", "adapter"),
        stages=[Made("sft", "sft", {"sft": {"epochs": 3, "lora": {"r": 16}}}, 1200, 90.0, None)],
        learned={"train": 1200, "dev": 40}, board={**board, "examination": fit}, ours=("sft",),
        teacher="deepseek-chat", offline=(), chat=[{"role": "user", "content": "写"}],
        dataset="a/b-data", licence="apache-2.0",
    )  # fmt: skip


def trained_twice() -> ModelSheet:
    """sft, then grpo with a rater behind an address of the maker's own."""
    it = sheet()
    asked = {"base_url": "https://models.our-company.example/v1", "model": "rating-model"}
    asked |= {"api_key_env": "OUR_KEY", "temperature": 0.0}
    settings = {"grpo": {"steps": 60}, "rewards": {"weights": {"rater": 2.0}}, "rater": asked}
    settings |= {"judge": asked | {"model": "judging-model"}, "judges": {"second": asked}}
    later = Made("grpo-2", "grpo", settings, 3840, 600.0, 1.5)
    return replace(it, stages=[*it.stages, later], ours=("grpo",))


def test_every_training_is_told_with_its_settings_but_not_who_was_asked_where() -> None:
    card = render_model_card(trained_twice())
    told = "In this order: `sft` (learning from copies), then `grpo-2` (group relative"
    assert told in card
    assert "`grpo.steps` = 60" in card
    assert "`rewards.weights.rater` = 2.0" in card
    assert "`rater.model` = rating-model" in card
    assert not [word for word in ("our-company", "OUR_KEY", "judging-model") if word in card]
    assert "In this order" not in render_model_card(sheet())
    assert metadata_errors(card) == []


def test_a_model_that_did_not_answer_has_no_score_of_its_own() -> None:
    card = render_model_card(replace(sheet(), ours=()))
    assert "This model is not among those that answered." in card
    assert ModelCard(card).data.eval_results is None


@pytest.mark.parametrize(("lora", "told"), [({"r": 16}, True), ({}, True), (False, False)])
def test_lora_is_named_where_it_was_used(lora: object, told: bool) -> None:
    made = Made("sft", "sft", {"sft": {"lora": lora}}, 1200, 90.0, None)
    card = render_model_card(replace(sheet(), stages=[made]))
    assert ("LoRA fine-tuning" in card) == told
    assert ("lora" in (ModelCard(card).data.tags or [])) == told


def table_row(card: str, first: str) -> list[str]:
    line = next(line for line in card.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip(" |").split(" | ")][1:]


def test_the_models_card_tells_what_the_run_knows() -> None:
    it = sheet()
    card = render_model_card(it)
    assert metadata_errors(card) == []
    front = ModelCard(card).data
    assert (front.language, front.license, front.base_model) == (
        ["zh"], "apache-2.0", "Qwen/Qwen2.5-0.5B",
    )  # fmt: skip
    assert (front.library_name, front.pipeline_tag) == ("transformers", "text-generation")
    assert it.board is not None
    mean = it.board["overall"]["sft"]["mean"]
    assert [result.metric_value for result in front.eval_results or []] == [round(mean, 3)]
    heads = table_row(card, "content type")
    assert heads == list(it.board["overall"])
    for kind, cells in it.board["content_types"].items():
        told = [text.split(" ")[0] for text in table_row(card, kind)]
        assert told == [f"{cells[name]['mean']:.2f}" if name in cells else "" for name in heads]
    assert "`sft.lora.r` = 16" in card
    assert "| sft | 1200 | 1.5 | not known |" in card
    assert "[user]\n写" in card
    assert "Offline stand-in" not in card
    assert "Unfit" not in card


def test_scores_that_cannot_be_believed_stay_out_of_leaderboards() -> None:
    it = sheet()
    unfit = {"judge": {"fit": False, "reasons": ["prefers the first"], "checks": []}}
    cases = {
        "unfit": replace(it, board={**(it.board or {}), "examination": unfit}),
        "unexamined": replace(it, board={**(it.board or {}), "examination": None}),
        "offline": replace(it, offline=("teacher", "judge")),
        "none": replace(it, board=None),
    }
    cards = {name: render_model_card(case) for name, case in cases.items()}
    for card in cards.values():
        assert ModelCard(card).data.eval_results is None
        assert metadata_errors(card) == []
    first_lines = {name: card.partition("# ")[2].splitlines()[1:5] for name, card in cards.items()}
    assert "Unfit judge" in "".join(first_lines["unfit"])
    assert "prefers the first" in "".join(first_lines["unfit"])
    assert "the teacher and the judge" in "".join(first_lines["offline"])
    assert "It was not examined" in cards["unexamined"]
    assert "This run was not evaluated" in cards["none"]


def test_an_interval_stands_beside_its_mean() -> None:
    it = sheet()
    cell = {"mean": 4.126, "n": 45, "low": 3.9, "high": 4.31}
    board = {**(it.board or {}), "overall": {"sft": cell}, "content_types": {}}
    assert table_row(render_model_card(replace(it, board=board)), "**all**") == [
        "4.13 [3.90, 4.31]"
    ]


@pytest.mark.parametrize(
    ("base", "told", "named"),
    [
        (Source("", on_hub=False), "trained from nothing", None),
        (Source("our-base", on_hub=False), "`our-base`, that the hub does not name", None),
        (Source("a/b", on_hub=True), "[`a/b`](https://huggingface.co/a/b)", "a/b"),
    ],
)
def test_the_base_is_named_as_far_as_others_can_have_it(
    base: Source, told: str, named: str | None
) -> None:
    card = render_model_card(replace(sheet(), base=base))
    assert told in card
    assert ModelCard(card).data.base_model == named
