"""Type checkers see what exists at run time: exports, arguments of loading, and the examples of tests/typing."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import litz
from litz.architectures import MODEL_TYPES, family
from litz.arguments import keywords, names_of
from litz.arguments.transformers import CONFIGURATION, LOADING
from litz.generation.parameters import GenerationParameters
from litz.models.auto import AutoModelForCausalLM
from litz.tokenizers import Tokenizer, signatures
from litz.tokenizers.loading.known_keys import NEUTRAL, SETTINGS

ROOT = Path(__file__).parent.parent


def imported_for_type_checkers() -> dict[str, str]:
    """name -> module, from the imports that only type checkers follow."""
    tree = ast.parse(Path(litz.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        found |= {alias.asname or alias.name: str(node.module) for alias in node.names}
    return found


def test_type_checkers_import_what_the_module_gives() -> None:
    imports = imported_for_type_checkers()
    assert {*imports, "__version__"} == set(litz.__all__)
    for name, module in imports.items():
        assert getattr(import_module(module), name, None) is getattr(litz, name) or name == "errors"
    assert sorted(litz.__all__) == list(litz.__all__)


def test_the_types_are_shipped_beside_the_modules() -> None:
    folder = Path(litz.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "_core.pyi").is_file()


def test_the_arguments_of_loading_are_all_typed() -> None:
    own = set(names_of(AutoModelForCausalLM.from_pretrained))
    keys: set[str] = set()
    for model_type in MODEL_TYPES:
        described = family(model_type)
        keys |= {*described.defaults, *described.aliases, *described.aliases.values()}
    keys = {key for key in keys if not key.startswith("_")}
    assert set(keywords.LoadingOptions.__annotations__) >= (keys | set(LOADING)) - own
    assert set(keywords.ConfigOptions.__annotations__) >= (keys | set(CONFIGURATION)) - own
    settings = set(keywords.TokenizerSettings.__annotations__)
    assert settings == {*SETTINGS, *(name for name in NEUTRAL if not name.startswith("_"))}


def test_the_options_of_calls_are_those_of_the_methods() -> None:
    call = set(names_of(Tokenizer.__call__))
    beside = {"text", "text_pair", "return_tensors", "is_split_into_words", "return_overflowing_tokens"}
    assert set(signatures.CallOptions.__annotations__) == call - beside
    encode = set(names_of(Tokenizer.encode))
    assert set(signatures.EncodeOptions.__annotations__) == encode - {"text", "text_pair", "return_tensors"}
    chat = set(names_of(Tokenizer.apply_chat_template))
    form = {"conversation", "tools", "tokenize", "return_tensors", "return_dict", "return_assistant_tokens_mask"}
    variables = set(signatures.TemplateVariables.__annotations__)
    assert set(signatures.ChatOptions.__annotations__) - variables == chat - form


def test_a_generation_config_holds_what_generate_takes() -> None:
    fields = {name for name in litz.GenerationConfig.__annotations__ if name not in ("unknown", "source")}
    assert fields == set(GenerationParameters.__annotations__)


@pytest.mark.slow
def test_mypy_and_pyright_find_the_mistakes_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "check_types.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
