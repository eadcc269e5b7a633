"""A policy that goes on from an adapter: its base with a trainable copy of it."""

from typing import Any

from jobs.engines.models import local_model
from jobs.runtime.profile import TrainShape
from jobs.runtime.storage import Folder
from jobs.training.tuning import Tuning, model_arguments


def with_adapter(model: str, adapter: str, settings: Tuning, shape: TrainShape) -> Any:
    """The base at `model` with the adapter at `adapter`, to be trained.

    TRL copies the adapter of such a PeftModel into a frozen one named "ref": the reference.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(
        local_model(model), **model_arguments(settings, shape)
    )
    return PeftModel.from_pretrained(
        base,
        Folder(adapter).fetch(),
        is_trainable=True,
        autocast_adapter_dtype=shape.zero_stage != 3,  # its gathers want weights of one type
    )
