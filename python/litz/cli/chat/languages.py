"""Prompts in Chinese, which the embedded default was not trained on: switches to a cached model, or advises one."""

import os
import re
import unicodedata
from collections.abc import Mapping

from litz.errors import LitzError

CHINESE_MODEL = "qwen3:0.6b"
CHINESE_SOURCE = "Qwen/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q8_0.gguf"
ADVICE = (
    f"(the default model has hardly any Chinese; {CHINESE_MODEL} has: litz chat -m {CHINESE_MODEL}, 639 MB once; "
    f"默认模型几乎不懂中文，请用 litz chat -m {CHINESE_MODEL})"
)
TAKEN = f"({CHINESE_MODEL} answers, which is in the cache: the default model has hardly any Chinese; -m chooses)"


def is_chinese(text: str) -> bool:
    """Whether a text has more Han characters than other words, and none that is Japanese or Korean."""
    words = re.findall(r"[a-zà-ÿ]+|[^\W\d_]", text[:4096].lower())
    names = [unicodedata.name(word[0], "") for word in words]
    if any(name.startswith(("HIRAGANA", "KATAKANA", "HANGUL")) for name in names):
        return False
    return 2 * sum(name.startswith("CJK") for name in names) > len(names)


def locale_is_chinese(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale of messages is Chinese."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((name for name in names if name), "").lower().startswith("zh")


def cached_source() -> str | None:
    """The model for Chinese if it is complete on this machine; the network is not used."""
    from litz import hub

    try:
        hub.resolve(CHINESE_SOURCE, local_files_only=True, notify=_discard)
    except (LitzError, OSError):
        return None
    return CHINESE_SOURCE


def suited(prompt: str | None) -> tuple[str | None, str | None]:
    """For the default model: (the source to take in its place, a remark), None where there is none.

    Without a prompt the locale decides.
    """
    if not (locale_is_chinese() if prompt is None else is_chinese(prompt)):
        return None, None
    found = cached_source()
    return found, ADVICE if found is None else TAKEN


def _discard(line: str) -> None:
    """Discards the remarks of a search that may find nothing."""
