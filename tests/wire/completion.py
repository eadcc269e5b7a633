"""The replies of a provider in good health: the same body always gets the same text."""

import json
from typing import Any

CACHED_IN_STEPS_OF = 64  # tokens, as providers with a prompt cache round them
CHARS_PER_TOKEN = 1.6
FENCE = "```json\n"


def completion(body: dict[str, Any], digest: str, writes_copy: bool) -> dict[str, Any]:
    """A chat completion in OpenAI's shape, with the half of its prompt that was cached."""
    prompt = sum(len(str(message.get("content", ""))) for message in body["messages"])
    text = advertisement(body["messages"][-1]["content"]) if writes_copy else f"回复{digest}。"
    into, out = int(prompt / CHARS_PER_TOKEN), int(len(text) / CHARS_PER_TOKEN) + 1
    return {
        "id": f"chatcmpl-{digest}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {
            "prompt_tokens": into,
            "completion_tokens": out,
            "total_tokens": into + out,
            "prompt_tokens_details": {
                "cached_tokens": into // 2 // CACHED_IN_STEPS_OF * CACHED_IN_STEPS_OF
            },
        },
    }


def advertisement(prompt: str) -> str:
    """An advertisement that the cleaning rules keep, from the facts fenced in the prompt."""
    facts = json.loads(prompt.rpartition(FENCE)[2].partition("\n```")[0])
    hero = facts["ingredients"][0]
    return (
        f"{facts['name']}含有{hero['name']}，{hero['role']}，为日常护理而做。"
        f"{facts['effects'][0]}，用起来温和清爽，日积月累，肌肤状态更加稳定。"
        f"今晚给皮肤一次安静的机会，从这一步开始试试。"
    )
