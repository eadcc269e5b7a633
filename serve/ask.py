"""Start a run's model as an endpoint, ask it for one ad as a client would, and stop it.

python -m serve.ask configs/demo.toml [--brief ys-019/paid_ad_fab]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from openai import OpenAI
from pydantic import ValidationError

from jobs.domain.brand import load_guide
from jobs.domain.errors import InputError, SettingsError
from jobs.domain.prompts import render_brief
from jobs.domain.rows import Brief
from jobs.engines.models import MODEL, local_model
from jobs.runtime.cluster import connect
from jobs.runtime.command import discover, load, speaking, stages_of
from jobs.runtime.config import Whole
from jobs.runtime.profile import read_profile
from jobs.runtime.stage import Stage
from jobs.runtime.tables import read_rows
from serve.app import ServeSettings
from serve.start import endpoint

ADS = "paid_ad"


def last_stage(config: Whole, job: str) -> Stage:
    """The config's last stage of a job. Raises SettingsError."""
    return stages_of(config, discover(), job)[-1]


def chosen_brief(config: Whole, wanted: str) -> Brief:
    """The brief named, else the first validation ad. Raises InputError."""
    briefs = read_rows(Brief, last_stage(config, "brief").folder)
    for brief in briefs:
        if brief.brief_id == wanted or (
            not wanted and brief.split == "val" and brief.content_type.startswith(ADS)
        ):
            return brief
    raise InputError(f"no brief {wanted or ADS!r} in the run; wanted product_id/content_type.")


def settings_of(config: Whole) -> ServeSettings:
    """What to serve: the run's merged model, on what the profile says. Raises SettingsError."""
    model = (last_stage(config, "merge").folder / MODEL).address
    try:
        return ServeSettings(model=local_model(model), **read_profile(config.profile).serve)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise SettingsError(
            f"cluster/profiles/{config.profile}.toml [serve] {where}: {problem['msg'].lower()}."
        ) from error


def sampling_of(config: Whole) -> dict[str, Any]:
    """The `answer` job's sampling as arguments of the openai client."""
    settings = config.answer  # type: ignore[attr-defined]
    return {
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "extra_body": settings.vllm,
    }


def ask(base_url: str, model: str, brief: Brief, sampling: Mapping[str, Any]) -> str:
    """One chat completion for a brief, over HTTP, sampled as the `answer` job samples."""
    client = OpenAI(base_url=base_url, api_key="none", timeout=120)
    answer = client.chat.completions.create(
        model=model,
        messages=render_brief(brief, load_guide(brief.brand)),  # type: ignore[arg-type]
        **sampling,
    )
    return answer.choices[0].message.content or ""


def main(arguments: Sequence[str]) -> None:
    """Start, ask, print, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--brief", default="", help="default: the first validation ad")
    parser.add_argument("--port", type=int, default=8000)
    chosen, overrides = parser.parse_known_args(arguments)
    config = load([chosen.config, *overrides], discover())
    brief, settings = chosen_brief(config, chosen.brief), settings_of(config)
    sampling = sampling_of(config)
    print(f"starting the endpoint for {settings.model} ...", flush=True)
    connect(read_profile(config.profile))
    with endpoint(settings, chosen.port) as base_url:
        print(f"{base_url} answers as {settings.model_id!r}; asked for {brief.brief_id}:")
        reply = ask(base_url, settings.model_id, brief, sampling)
        print(f"\n  {reply}\n", flush=True)
    print("the endpoint is stopped", flush=True)


if __name__ == "__main__":
    speaking(lambda: main(sys.argv[1:]))
