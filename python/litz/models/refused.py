"""Methods of transformers' models that this release does not have, each an error that says what there is instead."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from litz.arguments.nearest import nearest
from litz.errors import UnsupportedError

_PACKED = "weights are mapped or packed for the kernels, and only computed with; read them with the safetensors package"
_NO_TRAINING = "the native engine only infers"
_NO_SAVING = "litz does not change a model's files: copy those of {path} instead"


def absent(name: str, advice: str) -> Callable[..., NoReturn]:
    """A method that raises UnsupportedError with the advice."""

    def method(self: Any, *_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError(f"{name}: {advice.format(path=self.name_or_path)}")

    method.__name__ = name
    method.__doc__ = f"UnsupportedError: {advice.partition(':')[0]}."
    return method


def absent_maker(name: str, advice: str) -> Callable[..., NoReturn]:
    """A static method that raises UnsupportedError with the advice."""

    def method(*_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError(f"{name}: {advice}")

    method.__name__ = name
    method.__doc__ = f"UnsupportedError: {advice}."
    return method


class WithoutWeights:
    """What a model whose weights cannot be taken out refuses by name."""

    name_or_path: str

    if not TYPE_CHECKING:  # or type checkers would take every name for one

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):  # copying and pickling ask before the object has anything
                raise AttributeError(name)
            near = nearest(name, dir(type(self)), cutoff=0.75)
            hint = f"did you mean {near}?" if near else "this release does not have it"
            raise AttributeError(f"a loaded model has no {name!r}: {hint}", obj=self)

    from_pretrained = staticmethod(absent_maker("from_pretrained", "call AutoModelForCausalLM.from_pretrained"))

    parameters = absent("parameters", _PACKED)
    named_parameters = absent("named_parameters", _PACKED)
    buffers = absent("buffers", _PACKED)
    modules = absent("modules", _PACKED)
    named_modules = absent("named_modules", _PACKED)
    state_dict = absent("state_dict", _PACKED)
    load_state_dict = absent("load_state_dict", _PACKED)
    get_input_embeddings = absent("get_input_embeddings", _PACKED)
    get_output_embeddings = absent("get_output_embeddings", _PACKED)
    set_input_embeddings = absent("set_input_embeddings", _PACKED)
    resize_token_embeddings = absent("resize_token_embeddings", _PACKED)
    gradient_checkpointing_enable = absent("gradient_checkpointing_enable", _NO_TRAINING)
    enable_input_require_grads = absent("enable_input_require_grads", _NO_TRAINING)
    compute_transition_scores = absent("compute_transition_scores", "scores are not kept; call model(ids).logits")
    save_pretrained = absent("save_pretrained", _NO_SAVING)
    push_to_hub = absent("push_to_hub", "litz uploads nothing: upload the files of {path} yourself")
    load_adapter = absent("load_adapter", "adapters are not supported: merge them into the model first")
    compile = absent("compile", "nothing is compiled, the kernels are there; leave it out")
    cuda = absent("cuda", "the native engine runs on the CPU; leave it out")
