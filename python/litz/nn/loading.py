"""A checkpoint's tensors into a network's parameters: one tensor of overhead, nothing initialised before."""

import torch
from torch import Tensor, nn

from litz import _core
from litz.checkpoint import Checkpoint
from litz.nn.network import Network, canonical
from litz.weights import Source

STORED = {
    "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64,
}  # fmt: skip


def load(checkpoint: Checkpoint, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu") -> Network:
    """The network of a checkpoint. `dtype` None keeps floats as stored, and gives quantised weights as float32."""
    with torch.device("meta"):
        network = Network(checkpoint.spec)
    sources = {source.name: source for source in checkpoint.sources}
    for path, parameter in list(network.named_parameters()):
        value = read(checkpoint.tensor_files, sources[canonical(path)], tuple(parameter.shape))
        module, _, last = path.rpartition(".")
        made = value.to(device=device, dtype=dtype or value.dtype)
        setattr(network.get_submodule(module), last, nn.Parameter(made))
    return network.eval()


def read(files: tuple[_core.TensorFile, ...], source: Source, shape: tuple[int, ...]) -> Tensor:
    """A weight of that shape: the rows of its parts, one after the other."""
    parts = []
    for part in source.parts:
        whole = _tensor(files[part.file], part.tensor)
        rows = whole.reshape(-1) if len(shape) == 1 else whole.reshape(-1, whole.shape[-1])
        if source.transposed:
            rows = rows.T
        parts.append(rows[part.start : part.start + part.rows])
    made = parts[0] if len(parts) == 1 else torch.cat(parts)
    return made.reshape(shape).contiguous()


def _tensor(file: _core.TensorFile, name: str) -> Tensor:
    dtype, shape, _ = file.tensors()[name]
    if dtype in STORED:
        return torch.frombuffer(bytearray(file.read(name)), dtype=STORED[dtype]).reshape(shape)
    return torch.frombuffer(bytearray(file.read_f32(name)), dtype=torch.float32).reshape(shape)
