"""The endpoint, started for real on a Ray cluster in this process: one start, many questions."""

import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
import ray

from jobs.domain.errors import InputError, SettingsError
from serve.app import ServeSettings, read_settings, refuse_missing_model
from serve.start import endpoint, refuse_busy_port

SECRET = "unpublished-serum-4711"
SCALING = {
    "min_replicas": 1,
    "max_replicas": 2,
    "target_ongoing_requests": 2,
    "max_ongoing_requests": 3,
    "max_queued_requests": 4,
    "upscale_delay_s": 600,  # a second engine would only slow this test down
    "downscale_delay_s": 700,
}


@dataclass(frozen=True)
class Started:
    """A running endpoint."""

    client: openai.OpenAI
    port: int
    logs: Path  # the Ray session's log folder


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2-shaped model of two layers with random weights, as the merge stage writes one."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    marks = ["<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=marks, initial_alphabet=alphabet)
    bpe.train_from_iterator(["温和修护屏障。", "配方精简，浓度透明。"], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>")
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,  # vLLM's CPU attention knows no head below 32 wide
        num_key_value_heads=1,
        max_position_embeddings=1024,
        eos_token_id=tokenizer.eos_token_id,
    )
    folder = tmp_path_factory.mktemp("model")
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray in this process: 16 logical CPUs, no dashboard, no token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",  # never a cluster that another test left or is stopping
            num_cpus=16,
            include_dashboard=False,
            object_store_memory=200 * 2**20,
        )
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def started(cluster: None, model_folder: Path) -> Iterator[Started]:
    """The endpoint; when it has stopped, its port is free and Serve is gone."""
    port = free_port()
    settings = ServeSettings(model=str(model_folder), scaling=SCALING)
    with endpoint(settings, port) as base_url:
        logs = Path(ray._private.worker._global_node.get_logs_dir_path())
        yield Started(openai.OpenAI(base_url=base_url, api_key="none", max_retries=0), port, logs)
    refuse_busy_port(port)
    with pytest.raises(ValueError, match="SERVE_CONTROLLER_ACTOR"):
        serve_details()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_details() -> dict[str, Any]:
    """What Serve's controller knows of its applications."""
    controller = ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    details: dict[str, Any] = ray.get(controller.get_serve_instance_details.remote())
    return details


def ask(client: openai.OpenAI, text: str, max_tokens: int = 12) -> openai.types.chat.ChatCompletion:
    return client.chat.completions.create(
        model="housestyle",
        messages=[{"role": "user", "content": text}],
        max_tokens=max_tokens,
        extra_body={"ignore_eos": True},
    )


def test_lists_the_model(started: Started) -> None:
    assert [model.id for model in started.client.models.list()] == ["housestyle"]


def test_answers_a_chat(started: Started) -> None:
    reply = ask(started.client, "写一句文案")
    assert reply.choices[0].message.content
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 12


def test_streams_the_same_reply_token_by_token(started: Started) -> None:
    chat: dict[str, Any] = {
        "model": "housestyle",
        "messages": [{"role": "user", "content": "写一句文案"}],
        "max_tokens": 12,
        "temperature": 0,
        "extra_body": {"ignore_eos": True},
    }
    whole = started.client.chat.completions.create(**chat).choices[0].message.content
    stream = started.client.chat.completions.create(**chat, stream=True)
    parts = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(parts) == whole
    assert sum(bool(part) for part in parts) > 3  # random bytes: some tokens complete no character


def test_unknown_model_is_404(started: Started) -> None:
    with pytest.raises(openai.NotFoundError):
        started.client.chat.completions.create(model="other", messages=[])


def test_scaling_reaches_the_engine_deployment(started: Started) -> None:
    """Read back from Serve's controller: ray.serve.llm's defaults are 1e9 for each of these."""
    deployments = serve_details()["applications"]["housestyle"]["deployments"]
    (name,) = (name for name in deployments if name.endswith(":housestyle"))
    config = deployments[name]["deployment_config"]
    assert {
        key: config.get(key, config["autoscaling_config"].get(key)) for key in SCALING
    } == SCALING


def test_overload_is_refused_not_queued_for_ever(started: Started) -> None:
    """3 run, 4 wait, the others are told to come back."""

    def status(number: int) -> int:
        try:
            ask(started.client, f"第{number}句", max_tokens=600)
        except openai.APIStatusError as error:
            return error.status_code
        return 200

    with ThreadPoolExecutor(24) as threads:
        counts = Counter(threads.map(status, range(24)))
    assert set(counts) == {200, 503}
    assert 7 <= counts[200] <= 12  # more than 7 only if some were answered while others arrived


def test_prompts_are_not_logged(started: Started) -> None:
    ask(started.client, SECRET)
    texts = {path.name: path.read_bytes() for path in started.logs.rglob("*") if path.is_file()}
    assert any(b"chat/completions" in text for text in texts.values())
    assert [name for name, text in texts.items() if SECRET.encode() in text] == []


def test_second_endpoint_on_a_busy_cluster_is_refused(started: Started, model_folder: Path) -> None:
    with (
        pytest.raises(SettingsError, match="already serves housestyle"),
        endpoint(ServeSettings(model=str(model_folder)), free_port()),
    ):
        pass


def test_busy_port_is_refused() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port}"):
            refuse_busy_port(port)
    refuse_busy_port(port)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"modle": "x/y", "model": "x/y"}, "no setting 'modle'.*model_id"),
        ({"model": "x/y", "scaling.min": "1"}, "no setting 'scaling.min'.*min_replicas"),
        ({"model": "x/y", "scaling.max_replicas": "two"}, "found 'two'"),
        ({"model": "x/y", "scaling.min_replicas": "3"}, "min_replicas 3 is above"),
        ({"model": "x/y", "engine.dtype": "float16"}, "set by dtype"),
        ({"model": "x/y", "scaling": "2", "scaling.min_replicas": "3"}, "both scaling="),
        ({}, "model: found nothing"),
    ],
)
def test_wrong_arguments_are_named(args: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read_settings(args)


def test_command_line_and_config_file_mean_the_same() -> None:
    flat = {"model": "x/y", "scaling.max_replicas": "3", "engine.max_num_seqs": "8"}
    tables = {"model": "x/y", "scaling": {"max_replicas": 3}, "engine": {"max_num_seqs": 8}}
    assert read_settings(flat) == read_settings(tables)


def test_missing_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/adapter").mkdir(parents=True)
    Path("runs/adapter/adapter_config.json").touch()
    for model in ("/no/such/folder", "runs/model", "./model"):
        with pytest.raises(InputError, match="there is no folder"):
            refuse_missing_model(model)
    with pytest.raises(InputError, match="an adapter is merged first"):
        refuse_missing_model("runs/adapter")
    refuse_missing_model("Qwen/Qwen2.5-0.5B-Instruct")
    refuse_missing_model("s3://bucket/model")
