"""What a judge says is a verdict or an error; nothing in between becomes a score."""

import pytest

from jobs.domain.errors import VerdictError
from jobs.domain.verdicts import parse_verdict


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ('{"score": 4.5, "reason": "真实"}', (4.5, "真实")),
        ('  {"reason": "好", "score": 5}\n', (5.0, "好")),
        ('```json\n{"score": 1.0, "reason": "空"}\n```', (1.0, "空")),
        ('```\n{"score": 1.0, "reason": "空"}\n```', (1.0, "空")),
        ("", None),
        ("5", None),
        ("4.5分，很好", None),
        ('{"score": 4.5, "reason": "a"', None),
        ("{'score': 4.5, 'reason': 'a'}", None),
        ('好的：{"score": 4.5, "reason": "a"}', None),
        ('{"score": 4.5, "reason": "a"} 谢谢', None),
        ('{"score": 4.5, "reason": "a"}{"score": 1, "reason": "b"}', None),
        ('[{"score": 4.5, "reason": "a"}]', None),
        ('{"score": 0.9, "reason": "a"}', None),
        ('{"score": 5.1, "reason": "a"}', None),
        ('{"score": 45, "reason": "a"}', None),
        ('{"score": NaN, "reason": "a"}', None),
        ('{"score": Infinity, "reason": "a"}', None),
        ('{"score": true, "reason": "a"}', None),
        ('{"score": "4.5", "reason": "a"}', None),
        ('{"score": null, "reason": "a"}', None),
        ('{"score": 4.5}', None),
        ('{"score": 4.5, "reason": ""}', None),
        ('{"score": 4.5, "reason": " "}', None),
        ('{"score": 4.5, "reason": 3}', None),
        ('{"score": 4.5, "reason": "a", "note": "b"}', None),
        ('{"score": ' + "1" * 5000 + ', "reason": "a"}', None),
        ("[" * 20000, None),
    ],
)
def test_a_verdict_is_read_strictly(reply: str, verdict: tuple[float, str] | None) -> None:
    if verdict is not None:
        assert parse_verdict(reply, (1.0, 5.0)) == verdict
        return
    with pytest.raises(VerdictError):
        parse_verdict(reply, (1.0, 5.0))
