"""Masks of the assistant's tokens in a rendered conversation."""

import bisect
from collections.abc import Sequence

from litz import _core
from litz.errors import ArgumentError
from litz.tokenizers.chat.render import Rendered
from litz.tokenizers.chat.text import Ranges
from litz.tokenizers.encoding import BatchEncoding


def check_marks(template: _core.Template) -> None:
    """ArgumentError for a template without generation blocks."""
    if not template.has_generation:
        raise ArgumentError(
            "return_assistant_tokens_mask: the chat template does not mark what the assistant says with "
            "{% generation %}; pass a chat_template that does"
        )


def masks(encoded: BatchEncoding, rendered: Sequence[Rendered]) -> list[list[int]]:
    """A mask for each row of an encoding."""
    rows = zip(encoded.encodings or (), rendered, strict=True)
    return [_mask(known.offsets, each.generation) for known, each in rows]


def _mask(offsets: Sequence[tuple[int, int]], generation: Ranges) -> list[int]:
    """1 for each token that covers a character of the assistant's; all positions are characters."""
    spoken = [range for range in generation if range[0] < range[1]]
    ends = [stop for _, stop in spoken]
    mask = []
    for start, end in offsets:
        place = bisect.bisect_right(ends, start)
        mask.append(int(start < end and place < len(spoken) and spoken[place][0] < end))
    return mask
