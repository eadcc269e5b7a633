"""The embedded base's tokenizer: a byte-level BPE learned from its own corpus, for a Qwen2 model.

transformers loads every tokenizer beside a Qwen2 config as Qwen2Tokenizer, which cuts texts by
Qwen's own pattern whatever the file says. So merges are learned here from pieces that never join
two ideographs or cross punctuation (a name is then cut alike wherever it stands, and can be
copied), and the result is always loaded as Qwen2Tokenizer.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.domain.text import common_characters

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Runs of letters, quotes and white space; single digits, ideographs and others.
PIECES = r"[A-Za-z_]+|[0-9]|[\"\[\]{}:,]+|`+|\s+|."
# A JSON key with all punctuation around it is one token: then the token before a value names its
# field, which is what a copying head can look for.
FIELD = re.compile(r'(?:["\[\]{},]*[A-Za-z_]+":["\[{]*)+')
FIELD_COUNT = 20  # seen so often, it is a token
ROLES = ("system", "user", "assistant")
# Every common character is a piece: a text of another vocabulary would fall apart into bytes.
CHARACTER_WEIGHT = 60
GREEK = "αβγδεω"  # as in β-葡聚糖


def learn_tokenizer(texts: Iterable[str], vocabulary: int, folder: Path) -> "Qwen2Tokenizer":
    """A tokenizer of about `vocabulary` pieces, saved in `folder` and loaded from there.

    Every text can be written, by bytes at worst.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learned = [text.replace(START, "").replace(END, "") for text in texts]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(weighted(learned), trainer)
    tokenizer.add_tokens([AddedToken(field, normalized=False) for field in fields_of(learned)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, chat_template=CHAT_TEMPLATE
    ).save_pretrained(folder)
    return load_tokenizer(folder)


def load_tokenizer(folder: Path) -> "Qwen2Tokenizer":
    """The tokenizer as every later loader will have it."""
    from transformers import Qwen2Tokenizer

    return Qwen2Tokenizer.from_pretrained(folder)


def fields_of(texts: Iterable[str]) -> list[str]:
    """The runs of JSON keys and punctuation that texts have often, the commonest first."""
    counts = Counter(match for text in texts for match in FIELD.findall(text))
    return [field for field, count in counts.most_common() if count >= FIELD_COUNT]


def weighted(texts: Iterable[str]) -> Iterator[str]:
    """What merges are learned from: the texts without JSON keys, the roles, common characters."""
    yield from ROLES * 100
    for character in (*common_characters(), *GREEK):
        yield from [character] * CHARACTER_WEIGHT
    for text in texts:
        yield FIELD.sub("", text)
