"""Weights that can copy before the first step: the induction circuit as an initialisation.

A model this small, trained for minutes, hardly finds by itself how to copy a name it has never
seen. The circuit is known (Olsson et al. 2022, "In-context Learning and Induction Heads"): a head
that looks at the previous token, then a head that looks for where the current token was a previous
one. Here one of the first layer's heads looks back two tokens, so that what is found agrees in two.
Setting first weights to a structure found in trained models is "mimetic initialisation" (Trockman
and Kolter 2023). All weights stay free.
"""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import Qwen2ForCausalLM

EMBEDDING_STD = 0.25  # about what training of this size leads to; smaller first weights are lost
FINAL_NORM = 0.2  # first logits are then small all the same
SHARPNESS = 60.0  # score of the previous token in the first layer's heads
MATCH = 10.0  # gain of the second layer's comparison
PREVIOUS, COPIED = 1.0, 4.0  # how loud the first layer and the next two write, in embeddings
FAST = 0.1  # radians a token: rotary pairs that turn faster tell neighbours apart
SLOW = 1 / 512  # those that turn slower compare content at any distance


def start_copying(model: "Qwen2ForCausalLM") -> None:
    """Set embeddings and the first two layers' attention to an induction circuit, in place."""
    import torch

    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0, EMBEDDING_STD)
        model.model.norm.weight.fill_(FINAL_NORM)
        shift = look_back(model)
        find_and_copy(model, 1, shift, compare=True)
        find_and_copy(model, 2, shift, compare=False)


def turning(model: "Qwen2ForCausalLM") -> "torch.Tensor":
    """Radians by which each rotary pair of a head turns from one position to the next."""
    import torch

    width = model.config.hidden_size // model.config.num_attention_heads
    theta = model.config.rope_parameters["rope_theta"]
    return theta ** (-torch.arange(0, width, 2).float() / width)


def look_back(model: "Qwen2ForCausalLM") -> "torch.Tensor":
    """First layer: heads attend to the previous token, the last one to the token before that.

    Queries and keys are biases alone; rotary embedding makes their product a function of distance.
    A token `d` back is written through the d-th power of one rotation, so that the next layer's one
    comparison matches the last two tokens with any two that stand side by side. Returns the
    rotation (width, width).
    """
    import torch

    attention, angles = model.model.layers[0].self_attn, turning(model)
    size, fast = 2 * len(angles), (angles > FAST).float()
    loud = math.sqrt(SHARPNESS * math.sqrt(size) / float(fast.sum()))
    heads = model.config.num_attention_heads
    distances = [1] * (heads - 1) + [2] if heads > 1 else [1]
    key = torch.cat([fast, torch.zeros_like(fast)]) * loud
    queries = [
        torch.cat([fast * torch.cos(back * angles), -fast * torch.sin(back * angles)]) * loud
        for back in distances
    ]
    attention.q_proj.weight.mul_(0.1)
    attention.k_proj.weight.mul_(0.1)
    attention.q_proj.bias.copy_(torch.cat(queries))
    attention.k_proj.bias.copy_(key.repeat(heads))
    values, shift = rotation(model.config.hidden_size), rotation(model.config.hidden_size)
    for head, back in enumerate(distances):
        rows = slice(head * size, (head + 1) * size)
        seen = values[rows] if back == 1 else values[:size]  # what is compared has to be alike
        written = torch.linalg.matrix_power(shift, back) @ seen.T
        attention.v_proj.weight[rows] = seen
        attention.o_proj.weight[:, rows] = EMBEDDING_STD * PREVIOUS * written
    return shift


def find_and_copy(
    model: "Qwen2ForCausalLM", layer: int, shift: "torch.Tensor", *, compare: bool
) -> None:
    """A later layer: attend to where a token was the previous one, and copy what is there.

    Compared are only the rotary pairs that hardly turn, so that distance does not matter.
    """
    import torch

    attention, angles = model.model.layers[layer].self_attn, turning(model)
    slow = (angles < SLOW).float()
    mask = torch.cat([slow, slow])[:, None] * math.sqrt(MATCH)
    width, size = model.config.hidden_size, 2 * len(angles)
    for head in range(model.config.num_attention_heads):
        rows = slice(head * size, (head + 1) * size)
        compared = rotation(width)[:size] * mask
        if compare:
            attention.q_proj.weight[rows] = compared
        attention.k_proj.weight[rows] = compared @ shift.T
    values = rotation(width)
    attention.v_proj.weight.copy_(values)
    attention.o_proj.weight.copy_(EMBEDDING_STD * COPIED * values.T)


def rotation(width: int) -> "torch.Tensor":
    """A random orthogonal matrix."""
    import torch

    return torch.linalg.qr(torch.randn(width, width))[0]
