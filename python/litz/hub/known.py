"""Short names of models that are known to work: each means one file of one repository of the Hub.

Sizes are in megabytes, as the Hub lists the files, to be shown before a download.
"""

from dataclasses import dataclass

from litz.nearest import nearest


@dataclass(frozen=True)
class KnownModel:
    """One short name; `usual` marks the row that the family's name alone means."""

    name: str
    repo: str
    file: str
    quantisation: str
    megabytes: int
    usual: bool = False

    @property
    def family(self) -> str:
        """The part before the colon."""
        return self.name.partition(":")[0]

    @property
    def source(self) -> str:
        """The source that it means, as `resolve` takes it."""
        return f"{self.repo}:{self.file}"


# The embedded default; `default.py` downloads it, not from the repository of the row.
DEFAULT_MODEL = "SmolLM2-135M-Instruct"
EMBEDDED = "smollm2:135m"

KNOWN = (
    KnownModel(
        EMBEDDED, "HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1", 98, usual=True
    ),
    KnownModel(
        "smollm2:360m", "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF", "smollm2-360m-instruct-q8_0.gguf", "Q8_0", 386
    ),
    KnownModel(
        "smollm2:1.7b", "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", "smollm2-1.7b-instruct-q4_k_m.gguf", "Q4_K_M", 1056
    ),
    KnownModel("smollm3:3b", "ggml-org/SmolLM3-3B-GGUF", "SmolLM3-Q4_K_M.gguf", "Q4_K_M", 1915, usual=True),
    KnownModel("qwen3:0.6b", "Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf", "Q8_0", 639),
    KnownModel("qwen3:1.7b", "Qwen/Qwen3-1.7B-GGUF", "Qwen3-1.7B-Q8_0.gguf", "Q8_0", 1834, usual=True),
    KnownModel("qwen3:4b", "Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf", "Q4_K_M", 2497),
    KnownModel("qwen3:8b", "Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf", "Q4_K_M", 5028),
    KnownModel("qwen3:14b", "Qwen/Qwen3-14B-GGUF", "Qwen3-14B-Q4_K_M.gguf", "Q4_K_M", 9002),
    KnownModel("qwen3:30b-a3b", "Qwen/Qwen3-30B-A3B-GGUF", "Qwen3-30B-A3B-Q4_K_M.gguf", "Q4_K_M", 18557),
    KnownModel("qwen2.5:0.5b", "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2.5-0.5b-instruct-q8_0.gguf", "Q8_0", 676),
    KnownModel(
        "qwen2.5:1.5b", "Qwen/Qwen2.5-1.5B-Instruct-GGUF", "qwen2.5-1.5b-instruct-q4_k_m.gguf", "Q4_K_M", 1117,
        usual=True,
    ),
    KnownModel("qwen2.5:3b", "Qwen/Qwen2.5-3B-Instruct-GGUF", "qwen2.5-3b-instruct-q4_k_m.gguf", "Q4_K_M", 2105),
    KnownModel("qwen2.5:7b", "bartowski/Qwen2.5-7B-Instruct-GGUF", "Qwen2.5-7B-Instruct-Q4_K_M.gguf", "Q4_K_M", 4683),
    KnownModel("gemma3:270m", "ggml-org/gemma-3-270m-it-GGUF", "gemma-3-270m-it-Q8_0.gguf", "Q8_0", 292),
    KnownModel("gemma3:1b", "ggml-org/gemma-3-1b-it-GGUF", "gemma-3-1b-it-Q4_K_M.gguf", "Q4_K_M", 806, usual=True),
    KnownModel("gemma3:4b", "ggml-org/gemma-3-4b-it-GGUF", "gemma-3-4b-it-Q4_K_M.gguf", "Q4_K_M", 2490),
    KnownModel("gemma2:2b", "bartowski/gemma-2-2b-it-GGUF", "gemma-2-2b-it-Q4_K_M.gguf", "Q4_K_M", 1709, usual=True),
    KnownModel(
        "llama3.2:1b", "bartowski/Llama-3.2-1B-Instruct-GGUF", "Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Q4_K_M", 808,
        usual=True,
    ),
    KnownModel(
        "llama3.2:3b", "bartowski/Llama-3.2-3B-Instruct-GGUF", "Llama-3.2-3B-Instruct-Q4_K_M.gguf", "Q4_K_M", 2019
    ),
    KnownModel(
        "llama3.1:8b", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "Q4_K_M",
        4921, usual=True,
    ),
    KnownModel(
        "tinyllama:1.1b", "TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF", "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf", "Q4_K_M",
        669, usual=True,
    ),
    KnownModel(
        "mistral:7b", "bartowski/Mistral-7B-Instruct-v0.3-GGUF", "Mistral-7B-Instruct-v0.3-Q4_K_M.gguf", "Q4_K_M", 4373,
        usual=True,
    ),
    KnownModel(
        "phi4-mini:3.8b", "unsloth/Phi-4-mini-instruct-GGUF", "Phi-4-mini-instruct-Q4_K_M.gguf", "Q4_K_M", 2492,
        usual=True,
    ),
    KnownModel(
        "phi3.5:3.8b", "bartowski/Phi-3.5-mini-instruct-GGUF", "Phi-3.5-mini-instruct-Q4_K_M.gguf", "Q4_K_M", 2393,
        usual=True,
    ),
    KnownModel(
        "granite3.3:2b", "ibm-granite/granite-3.3-2b-instruct-GGUF", "granite-3.3-2b-instruct-Q4_K_M.gguf", "Q4_K_M",
        1545, usual=True,
    ),
    KnownModel(
        "granite3.3:8b", "ibm-granite/granite-3.3-8b-instruct-GGUF", "granite-3.3-8b-instruct-Q4_K_M.gguf", "Q4_K_M",
        4943,
    ),
    KnownModel(
        "olmo2:1b", "allenai/OLMo-2-0425-1B-Instruct-GGUF", "OLMo-2-0425-1B-Instruct-Q4_K_M.gguf", "Q4_K_M", 936,
        usual=True,
    ),
)  # fmt: skip


def find_known(name: str) -> KnownModel | None:
    """The row of a short name, or of a family's usual model; upper and lower case are the same."""
    wanted = name.lower()
    for row in KNOWN:
        if row.name == wanted or (row.usual and wanted in (row.family, f"{row.family}:latest")):
            return row
    return None


def known_source(name: str) -> str | None:
    """The source that a short name means, as `resolve` and `from_pretrained` take it; None for another name."""
    row = find_known(name)
    if row is None:
        return None
    return DEFAULT_MODEL if row.name == EMBEDDED else row.source


def tags_of(family: str) -> list[str]:
    """The short names of a family, empty if it is not known."""
    return [row.name for row in KNOWN if row.family == family.lower()]


def nearest_known(name: str) -> str | None:
    """The short name nearest to `name`; None if none is near."""
    wanted = name.lower()
    of_family = tags_of(wanted.partition(":")[0])
    if of_family:
        return nearest(wanted, of_family, cutoff=0)
    spelt = {_plain(row.name): row.name for row in KNOWN} | {_plain(row.family): row.family for row in KNOWN}
    found = nearest(_plain(wanted), spelt, cutoff=0.8)
    return spelt[found] if found else None


def _plain(name: str) -> str:
    """Letters and digits only: llama-3.2-1b, Llama3.2:1B and llama3_2 are alike."""
    return "".join(character for character in name.lower() if character.isalnum())
