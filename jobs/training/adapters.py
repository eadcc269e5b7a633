"""A policy that goes on from an adapter: its base with a trainable copy of it."""

from typing import Any

from jobs.domain.errors import StageError
from jobs.engines.models import local_model
from jobs.runtime.profile import TrainShape
from jobs.runtime.storage import Folder
from jobs.training.tuning import Tuning, model_arguments

REFERENCE, POLICY = ".ref.", ".default."  # in the names of TRL's frozen and trained weights


def policy(model: str, adapter: str, settings: Tuning, shape: TrainShape) -> Any:
    """What is trained: the base with the adapter it goes on from, or a path for TRL to load.

    TRL copies the adapter of a PeftModel into a frozen one named "ref", which is the reference.
    """
    path = local_model(model)
    if not adapter:
        return path
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(path, **model_arguments(settings, shape))
    return PeftModel.from_pretrained(
        base,
        Folder(adapter).fetch(),
        is_trainable=True,
        autocast_adapter_dtype=shape.zero_stage != 3,  # its gathers want weights of one type
    )


def check_reference(model: Any) -> None:
    """Raise StageError where the frozen reference is not the adapter that training starts from.

    A reference that is silently the bare base would pull the model back to it.
    """
    weights = dict(model.named_parameters())
    names = [name for name in weights if POLICY in name]
    for name in names:
        reference = weights.get(name.replace(POLICY, REFERENCE))
        same = reference is not None and not reference.requires_grad and reference.numel()
        if not same or not bool((reference == weights[name]).all()):
            raise StageError(f"the reference of this training is not its adapter: see {name}.")
    if not names:
        raise StageError("the model has no adapter to train; wanted one named 'default'.")
