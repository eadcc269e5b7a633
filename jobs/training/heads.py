"""Log-probabilities of completions without a GPU: TRL's fused head is a Triton kernel.

Its stand-in for CPUs goes through prompts and padding, too. Here rows of like lengths go through
the model together, without the columns that are padding in all of them, and logits are made for
completion tokens alone.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

IGNORED = -100  # the label of tokens without a loss
ROWS_ROUNDED = 256  # completion tokens: a kernel may be compiled for every number of them
COLUMNS_ROUNDED = 32
ROWS_TOGETHER = 8  # of like lengths
OTHER_HEADS = (  # what some models do to logits beyond their head, which TRL's head knows
    *("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier"),
    *("logits_scaling", "output_router_logits"),
)


def read_completions_alone(model: Any, temperature: float = 1.0) -> None:
    """Replace the head that TRL put on a model by one of torch's own operations, in place.

    Logits are divided by `temperature`. Models whose logits are not just their head's product
    keep TRL's.
    """
    from peft import PeftModel

    whole = model.get_base_model() if isinstance(model, PeftModel) else model
    config = whole.config.get_text_config()
    if any(getattr(config, name, None) for name in OTHER_HEADS):
        return
    theirs = whole.forward

    @functools.wraps(theirs)
    def forward(*args: Any, fused_lm_head: bool = False, labels: Any = None, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return theirs(*args, labels=labels, **kwargs)
        if args or set(kwargs) - {"input_ids", "attention_mask", "use_cache"}:
            hidden_BTD = whole.base_model(*args, **kwargs).last_hidden_state
        else:
            hidden_BTD = by_length(whole.base_model, kwargs)
        head = whole.get_output_embeddings()
        return completions_read(
            hidden_BTD[:, :-1], labels[:, 1:], lambda hidden: head(hidden).float() / temperature
        )

    whole.forward = forward


def by_length(model: Any, inputs: Mapping[str, Any]) -> Any:
    """The hidden states of all rows, (B, T, D); 0 where a row has padding that was left out.

    Rows are padded on the left of their prompts and on the right of their completions; positions
    are relative (rotary), so that columns can be left out on the left.
    """
    import torch

    ids_BT, mask_BT = inputs["input_ids"], inputs["attention_mask"]
    width = ids_BT.shape[1]
    firsts_B = mask_BT.argmax(1)
    ends_B = width - mask_BT.flip(1).argmax(1)
    order = (ends_B - firsts_B).argsort()
    parts = []
    for rows in order.split(ROWS_TOGETHER):
        first, end = int(firsts_B[rows].min()), int(ends_B[rows].max())
        first = max(0, end - -(-(end - first) // COLUMNS_ROUNDED) * COLUMNS_ROUNDED)
        states = model(
            input_ids=ids_BT[rows, first:end],
            attention_mask=mask_BT[rows, first:end],
            use_cache=False,
        ).last_hidden_state
        parts.append(torch.nn.functional.pad(states, (0, 0, first, width - end)))
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order), device=order.device)
    return torch.cat(parts)[back]


def completions_read(hidden_BTD: Any, labels_BT: Any, logits_of: Callable[[Any], Any]) -> Any:
    """Log-probabilities of the labels and TRL's other figures, 0 where there is no label.

    B rows, T tokens, D width, N tokens with a label, V vocabulary.
    """
    import torch
    from trl.trainer.utils import FusedCausalLMOutput

    mask_BT = labels_BT != IGNORED
    (places_N,) = mask_BT.flatten().nonzero(as_tuple=True)
    count = len(places_N)
    spare = -count % ROWS_ROUNDED
    padded = torch.cat([places_N, places_N.new_zeros(spare)])
    logits_NV = logits_of(hidden_BTD.flatten(0, 1)[padded])
    labels_N = labels_BT.flatten()[padded].clamp(min=0)
    log_probs_N = -torch.nn.functional.cross_entropy(logits_NV, labels_N, reduction="none")
    with torch.no_grad():
        shares_NV = logits_NV.softmax(-1)
        spread_N = logits_NV.logsumexp(-1) - (shares_NV * logits_NV).sum(-1)
        others = {
            "entropy": spread_N,
            "mean_logits": logits_NV.mean(-1),
            "is_top1": logits_NV.argmax(-1) == labels_N,
        }

    def placed(values_N: Any) -> Any:
        return values_N.new_zeros(mask_BT.shape).masked_scatter(mask_BT, values_N[:count])

    return FusedCausalLMOutput(
        log_probs=placed(log_probs_N),
        label_mask=mask_BT,
        **{name: placed(values_N) for name, values_N in others.items()},
    )
