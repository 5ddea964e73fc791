"""Makes the model files that the benchmarks read, in a folder of your choice.

    python benchmarks/make_models.py FOLDER [--llama-python PYTHON] [--source MODEL.gguf] [--only smollm2 1b]

SmolLM2-135M-Instruct, from the pinned Q4_1 file: F32 and BF16 as GGUF files and as folders that transformers reads,
and (with llama-cpp-python's quantiser) Q8_0 and Q4_K; its width of 576 is no multiple of 256, so most matrices of the
Q4_K file are Q5_0, as llama.cpp makes them. A model of Llama-3.2-1B's shape with random weights: Q4_0 and BF16 GGUF
files. What is there already stays.
"""

import argparse
import json
import math
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import numpy as np

from litz import _core, hub

_QUANTIZE = """
import sys, llama_cpp
source, target, ftype = sys.argv[1:]
params = llama_cpp.llama_model_quantize_default_params()
params.ftype, params.nthread, params.allow_requantize = getattr(llama_cpp, ftype), 2, True
sys.exit(llama_cpp.llama_model_quantize(source.encode(), target.encode(), params))
"""
_STORED = {"F32": gguf.GGMLQuantizationType.F32, "BF16": gguf.GGMLQuantizationType.BF16}
_FILE_TYPES = {
    "F32": gguf.LlamaFileType.ALL_F32,
    "BF16": gguf.LlamaFileType.MOSTLY_BF16,
    "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
}
_HF_LAYER = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python")
    parser.add_argument("--source", type=Path, help="SmolLM2's Q4_1 file, where it is not to be fetched")
    parser.add_argument("--only", nargs="+", choices=["smollm2", "1b"], default=["smollm2", "1b"])
    return parser.parse_args()


def once(target: Path, make: Callable[[Path], None]) -> None:
    """Makes a file or folder under another name first, so that what has the name is whole."""
    if not target.exists():
        part = target.with_name(f"{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        make(part)
        part.rename(target)
    size = sum(file.stat().st_size for file in ([target] if target.is_file() else target.iterdir()))
    print(f"{size / 1e6:8.1f} MB  {target}")


def as_bf16(values: np.ndarray) -> np.ndarray:
    """float32 rounded to the nearest bfloat16, half to even, as uint16."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def tensors(source: _core.TensorFile, dtype: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """(name, stored dtype, numbers): matrices in `dtype`, vectors in F32, as GGUF files have them."""
    for name, (_, shape, _) in source.tensors().items():
        values = np.frombuffer(source.read_f32(name), np.float32).reshape(shape)
        if dtype == "BF16" and len(shape) > 1:
            yield name, "BF16", as_bf16(values)
        else:
            yield name, "F32", values


def float_gguf(source: Path, dtype: str, target: Path) -> None:
    """The same model with dequantised weights; every key of the header stays."""
    writer = gguf.GGUFWriter(target, "llama")
    for field in gguf.GGUFReader(source).fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    writer.add_file_type(_FILE_TYPES[dtype])
    for name, stored, values in tensors(_core.TensorFile(source), dtype):
        writer.add_tensor(name, values, raw_dtype=_STORED[stored])
    finish(writer)


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def hf_name(name: str) -> str:
    outer = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    if name in outer:
        return outer[name]
    _, layer, key, kind = name.split(".")
    return f"model.layers.{layer}.{_HF_LAYER[key]}.{kind}"


def hf_folder(source: Path, dtype: str, target: Path) -> None:
    """config.json, model.safetensors and the tokenizer's files, as transformers writes them."""
    from transformers import AutoTokenizer

    target.mkdir()
    file = _core.TensorFile(source)
    header = file.metadata()
    config = hf_config(header, dtype)
    (target / "config.json").write_text(json.dumps(config, indent=2))
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    table, arrays, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, _, values in tensors(file, "F32"):
        permuted = next((count for key, count in heads.items() if key in name), None)
        values = unpermuted(values, permuted) if permuted else values
        values = as_bf16(values) if dtype == "BF16" else values
        table[hf_name(name)] = {
            "dtype": dtype,
            "shape": list(values.shape),
            "data_offsets": [offset, offset + values.nbytes],
        }
        offset += values.nbytes
        arrays.append(values)
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 8)
    with (target / "model.safetensors").open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for values in arrays:
            values.tofile(out)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)


def unpermuted(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q or k as transformers has them: GGUF files of llama models pair neighbours, transformers halves."""
    return np.ascontiguousarray(values.reshape(heads, -1, 2, values.shape[1]).swapaxes(1, 2).reshape(values.shape))


def hf_config(header: dict, dtype: str) -> dict:
    def own(key: str) -> int:
        return header[f"llama.{key}"]

    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": own("embedding_length"),
        "intermediate_size": own("feed_forward_length"),
        "num_hidden_layers": own("block_count"),
        "num_attention_heads": own("attention.head_count"),
        "num_key_value_heads": own("attention.head_count_kv"),
        "max_position_embeddings": own("context_length"),
        "rms_norm_eps": round(own("attention.layer_norm_rms_epsilon"), 9),
        "rope_theta": own("rope.freq_base"),
        "vocab_size": own("vocab_size"),
        "tie_word_embeddings": True,
        "bos_token_id": header["tokenizer.ggml.bos_token_id"],
        "eos_token_id": header["tokenizer.ggml.eos_token_id"],
        "torch_dtype": {"F32": "float32", "BF16": "bfloat16"}[dtype],
    }


def smollm2(folder: Path, given: Path | None, llama_python: str | None) -> None:
    source = given or hub.resolve(hub.DEFAULT_MODEL, want="model").gguf
    assert source
    once(folder / "smollm2-q4_1.gguf", lambda target: shutil.copyfile(source, target))
    for dtype in ("F32", "BF16"):
        name = f"smollm2-{dtype.lower()}"
        once(folder / f"{name}.gguf", lambda target, dtype=dtype: float_gguf(source, dtype, target))
        once(folder / name, lambda target, dtype=dtype: hf_folder(source, dtype, target))
    if llama_python is None:
        print("no --llama-python: Q8_0 and Q4_K are left out")
        return
    whole = str(folder / "smollm2-f32.gguf")
    for name, ftype in (("q8_0", "LLAMA_FTYPE_MOSTLY_Q8_0"), ("q4_k", "LLAMA_FTYPE_MOSTLY_Q4_K_M")):

        def quantize(target: Path, ftype: str = ftype) -> None:
            command = [llama_python, "-c", _QUANTIZE, whole, str(target), ftype]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        once(folder / f"smollm2-{name}.gguf", quantize)


# Llama-3.2-1B: https://huggingface.co/meta-llama/Llama-3.2-1B/blob/main/config.json
WIDTH, LAYERS, HEADS, KV_HEADS, HEAD, FFN, VOCAB, CONTEXT = 2048, 16, 32, 8, 64, 8192, 128256, 131072


def rope_factors() -> np.ndarray:
    """What "llama3" scaling (32, from 8,192 positions, low 1, high 4) divides each frequency by."""
    factors = []
    for pair in range(HEAD // 2):
        turns = 8192 / (2 * math.pi * 500000 ** (2 * pair / HEAD))  # within the original context
        share = min(max((turns - 1) / (4 - 1), 0), 1)
        factors.append(1 / (share + (1 - share) / 32))
    return np.array(factors, np.float32)


def random_matrix(draw: np.random.Generator, shape: tuple[int, int], dtype: str) -> np.ndarray:
    """Random bits in numbers of about 0.02: BF16 as uint16, Q4_0 as rows of bytes."""
    rows, cols = shape
    if dtype == "BF16":
        bits = np.frombuffer(draw.bytes(2 * rows * cols), np.uint16).reshape(shape).copy()
        bits &= 0x807F  # sign and fraction
        bits |= 121 << 7  # 2^-6
        return bits
    blocks = np.frombuffer(draw.bytes(rows * cols // 32 * 18), np.uint8).reshape(-1, 18).copy()
    blocks[:, 1] = 0x1C  # the scale, a half: 2^-8 and a random fraction
    return blocks.reshape(rows, cols // 32 * 18)


def llama_1b(target: Path, dtype: str) -> None:
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_name(f"Llama-3.2-1B's shape, random {dtype}")
    writer.add_file_type(_FILE_TYPES[dtype])
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCAB)
    add_tokenizer(writer)
    draw = np.random.default_rng(0)
    stored = gguf.GGMLQuantizationType[dtype]
    for name, shape in llama_shapes():
        matrix = random_matrix(draw, shape, dtype)
        writer.add_tensor(name, matrix, raw_dtype=stored)
    for name in ("output_norm", *(f"blk.{i}.{kind}_norm" for i in range(LAYERS) for kind in ("attn", "ffn"))):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("rope_freqs.weight", rope_factors())
    finish(writer)


def llama_shapes() -> Iterator[tuple[str, tuple[int, int]]]:
    yield "token_embd.weight", (VOCAB, WIDTH)
    for i in range(LAYERS):
        yield f"blk.{i}.attn_q.weight", (HEADS * HEAD, WIDTH)
        yield f"blk.{i}.attn_k.weight", (KV_HEADS * HEAD, WIDTH)
        yield f"blk.{i}.attn_v.weight", (KV_HEADS * HEAD, WIDTH)
        yield f"blk.{i}.attn_output.weight", (WIDTH, HEADS * HEAD)
        yield f"blk.{i}.ffn_gate.weight", (FFN, WIDTH)
        yield f"blk.{i}.ffn_up.weight", (FFN, WIDTH)
        yield f"blk.{i}.ffn_down.weight", (WIDTH, FFN)


def add_tokenizer(writer: gguf.GGUFWriter) -> None:
    """Names for all ids, so that every program loads the file; texts mean nothing to random weights."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    letters = [chr(code) for code in range(0x21, 0x7F)]
    writer.add_token_list([*letters, *(f"<{i}>" for i in range(len(letters), VOCAB))])
    writer.add_token_types([gguf.TokenType.NORMAL] * VOCAB)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    if "smollm2" in options.only:
        smollm2(options.folder, options.source, options.llama_python)
    if "1b" in options.only:
        for dtype in ("Q4_0", "BF16"):
            once(options.folder / f"1b-{dtype.lower()}.gguf", lambda target, dtype=dtype: llama_1b(target, dtype))


if __name__ == "__main__":
    main()
