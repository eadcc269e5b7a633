"""The journey in its smallest sizes, on real parts: what each stage left behind."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from jobs.domain.rows import Answer, Brief, Copy, Draft, Dropped, Failed, Verdict
from jobs.runtime.storage import Folder
from jobs.runtime.tables import read_rows
from tests.e2e.conftest import CONFIG, Journey, command

STAGES = (
    "brief",
    "generate",
    "clean",
    "pretrain",
    "sft",
    "merge",
    "degrade",
    "pair",
    "reward",
    "grpo",
    "merge_grpo",
    "answer",
    "examine",
    "judge",
    "compare",
    "evaluate",
    "report",
)
MODELS = {"golden", "base", "base_guide", "sft", "grpo"}


def done(journey: Journey, stage: str) -> dict[str, Any]:
    """A stage's done.json."""
    record: dict[str, Any] = json.loads((journey.folder / stage / "done.json").read_text())
    return record


def rows(journey: Journey, stage: str, row_type: type) -> list[Any]:
    """A stage's table."""
    return read_rows(row_type, Folder(str(journey.folder / stage)))


def test_every_stage_is_done_and_its_counts_add_up(journey: Journey) -> None:
    for stage in STAGES:
        counts = done(journey, stage)["counts"]
        assert counts["out"] + counts["dropped"] + counts["failed"] == counts["expected"], stage
        assert counts["out"] > 0, stage


def test_no_draft_is_lost_between_generate_and_clean(journey: Journey) -> None:
    drafts = {draft.draft_id for draft in rows(journey, "generate", Draft)}
    kept = [copy.draft_id for copy in rows(journey, "clean", Copy)]
    dropped = [row.draft_id for row in rows(journey, "clean", Dropped)]
    briefs = [b for b in rows(journey, "brief", Brief) if b.split != "val"]
    assert len(drafts) == 2 * len(briefs)
    assert sorted(kept + dropped) == sorted(drafts)
    assert all(row.reason for row in rows(journey, "clean", Dropped))
    steps = done(journey, "clean")["counts"]["notes"]["funnel"]
    assert [step["left"] for step in steps if step["name"] == "briefs"] == [len(briefs)]
    assert steps[-1]["name"] == "copies"
    assert steps[-1]["left"] == len(kept)
    card = (journey.folder / "clean" / "README.md").read_text(encoding="utf-8")
    assert f"| pieces | {len(kept)} |" in card


def test_validation_is_read_by_answer_and_what_judges_it_alone(journey: Journey) -> None:
    validation = {b.product_id for b in rows(journey, "brief", Brief) if b.split == "val"}
    assert len(validation) == 3
    readers = ("answer", "examine", "judge", "compare", "evaluate", "report")
    for path in journey.folder.rglob("*.parquet"):
        stage = path.relative_to(journey.folder).parts[0]
        names = pq.read_schema(path).names
        if stage in (*readers, "brief") or "product_id" not in names:
            continue
        found = set(pq.read_table(path, columns=["product_id"])["product_id"].to_pylist())
        assert not found & validation, path


def test_two_workers_trained_under_a_deepspeed_engine(journey: Journey) -> None:
    notes = done(journey, "sft")["counts"]["notes"]
    assert notes["engine"] == "DeepSpeedEngine"
    assert notes["world"] == 2
    assert not list(journey.extensions.rglob("*"))  # DeepSpeed compiled no kernel
    assert notes["zero_stage"] == 2
    assert notes["optimizer"] == "MuonWithAuxAdam"


def test_the_merged_model_is_base_plus_adapter(journey: Journey) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(
        journey.folder / "pretrain" / "model", dtype=torch.float32
    )
    expected = PeftModel.from_pretrained(base, journey.folder / "sft" / "adapter")
    expected = expected.merge_and_unload().state_dict()
    merged = AutoModelForCausalLM.from_pretrained(
        journey.folder / "merge" / "model", dtype=torch.float32
    ).state_dict()
    assert merged.keys() == expected.keys()
    assert all(torch.equal(merged[name], expected[name]) for name in merged)


def test_vllm_and_transformers_write_the_same_greedily(journey: Journey) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from jobs.domain.brand import load_guide
    from jobs.domain.prompts import render_brief

    folder = journey.folder / "merge" / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    briefs = {brief.brief_id: brief for brief in rows(journey, "brief", Brief)}
    answers = [row for row in rows(journey, "answer", Answer) if row.model == "sft"]
    written = sorted(answers, key=lambda row: row.answer_id)[:10]
    same = 0
    for answer in written:
        chat = render_brief(briefs[answer.brief_id], load_guide("yuansu"))
        encoded = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            tokens = model.generate(
                encoded["input_ids"], attention_mask=encoded["attention_mask"],
                max_new_tokens=48, do_sample=False, pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
        text = tokenizer.decode(
            tokens[0][encoded["input_ids"].shape[1] :], skip_special_tokens=True
        )
        assert encoded["input_ids"].shape[1] == answer.prompt_tokens
        same += text == answer.text
    assert same == len(written) == 10


def test_every_answer_is_judged_or_failed_by_name(journey: Journey) -> None:
    answers = rows(journey, "answer", Answer)
    verdicts = rows(journey, "judge", Verdict)
    failed = rows(journey, "judge", Failed)
    assert {answer.model for answer in answers} == MODELS
    judged = [verdict.answer_id for verdict in verdicts] + [row.row_id for row in failed]
    assert sorted(judged) == sorted(answer.answer_id for answer in answers)
    assert all(1.0 <= verdict.score <= 5.0 and verdict.reason for verdict in verdicts)


def test_the_scoreboard_holds_the_means_of_the_verdicts(journey: Journey) -> None:
    board = json.loads((journey.folder / "evaluate" / "scoreboard.json").read_text())
    scores = [v.score for v in rows(journey, "judge", Verdict) if v.model == "golden"]
    cell = board["overall"]["golden"]
    assert (cell["mean"], cell["n"]) == (round(sum(scores) / len(scores), 3), len(scores))
    assert set(board["content_types"]["paid_ad_bab"]) == MODELS
    assert board["judge"]["offline"] and board["teacher"]["offline"]
    assert len(board["judge"]["hash"]) == 16


def test_the_report_says_that_teacher_and_judge_were_offline(journey: Journey) -> None:
    page = (journey.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "offline" in page[: len(page) // 2]


def test_a_second_run_skips_everything_and_a_trace_shows_the_way(journey: Journey) -> None:
    again = command("jobs.pipeline", CONFIG, "--storage", str(journey.storage))
    assert again.returncode == 0, again.stderr[-2000:]
    assert again.stdout.count("done before, skipped") == len(STAGES)
    brief_id = next(row.brief_id for row in rows(journey, "answer", Answer))
    traced = command("jobs.trace", CONFIG, brief_id, "--storage", str(journey.storage))
    assert traced.returncode == 0, traced.stderr[-2000:]
    assert all(f"{stage}: " in traced.stdout for stage in ("brief", "answer", "judge"))


def test_a_changed_setting_stops_the_run_and_names_the_key(journey: Journey) -> None:
    changed = command(
        "jobs.pipeline", CONFIG, "--storage", str(journey.storage), "--sft.epochs", "2"
    )
    assert changed.returncode == 1
    assert "settings.sft.epochs: 1.0 -> 2.0" in changed.stderr
    assert "--redo" in changed.stderr


def test_a_missing_base_is_said_before_anything_starts(tmp_path: Path) -> None:
    wrong = command(
        "jobs.pipeline", CONFIG, "--storage", str(tmp_path), "--base.model", "./no/such/model"
    )
    assert wrong.returncode == 1
    assert "no model in './no/such/model'" in wrong.stderr
    assert not list(tmp_path.rglob("done.json"))
