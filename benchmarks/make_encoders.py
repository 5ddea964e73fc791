"""Makes the files of all-MiniLM-L6-v2 that the encoders' benchmark reads, in a folder of your choice.

    python benchmarks/make_encoders.py FOLDER SOURCE

SOURCE is the model's folder of safetensors. Needs torch, transformers, onnx, onnxscript, onnxruntime and gguf. What it
makes: model.onnx and, quantised dynamically to 8 bits by onnxruntime, model_int8.onnx, beside copies of the tokenizer's
files; F32.gguf and Q8_0.gguf.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers as hf
from onnxruntime.quantization import QuantType, quantize_dynamic

_OUTER = {
    "embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
}  # fmt: skip
_INNER = {
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
}  # fmt: skip


class States(torch.nn.Module):
    """The model as onnxruntime is given it: ids, mask and types to the last hidden states."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        return self.model(input_ids, attention_mask, token_type_ids).last_hidden_state


def write_onnx(folder: Path, source: Path) -> None:
    model = hf.AutoModel.from_pretrained(source, attn_implementation="eager").eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    # One mask of ones would be folded away.
    example = (torch.randint(5, 999, (2, 9)), torch.tensor([[1] * 9, [1] * 5 + [0] * 4]), torch.zeros(2, 9).long())
    axes = {name: {0: "batch", 1: "time"} for name in [*names, "last_hidden_state"]}
    torch.onnx.export(
        States(model), example, folder / "model.onnx", input_names=names, output_names=["last_hidden_state"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    quantize_dynamic(folder / "model.onnx", folder / "model_int8.onnx", weight_type=QuantType.QInt8)


def gguf_name(name: str) -> str:
    """The tensor's name in llama.cpp's files."""
    module, _, end = name.rpartition(".")
    if module in _OUTER:
        return f"{_OUTER[module]}.{end}"
    _, _, layer, inner = module.split(".", 3)
    return f"blk.{layer}.{_INNER[inner]}.{end}"


def write_gguf(path: Path, source: Path, kind: gguf.GGMLQuantizationType) -> None:
    model = hf.AutoModel.from_pretrained(source)
    config, writer = model.config, gguf.GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    add_vocabulary(writer, source)
    for name, tensor in model.state_dict().items():
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue
        data = tensor.float().numpy()
        own = kind if data.ndim == 2 and "position" not in name and "token_type" not in name else None
        stored = data if own in (None, gguf.GGMLQuantizationType.F32) else gguf.quants.quantize(data, own)
        writer.add_tensor(gguf_name(name), np.ascontiguousarray(stored), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_vocabulary(writer: gguf.GGUFWriter, source: Path) -> None:
    """WordPiece as llama.cpp has it: beginnings of words are marked, not their continuations."""
    tokens = (source / "vocab.txt").read_text("utf-8").splitlines()
    special = [token.startswith("[") and token.endswith("]") for token in tokens]
    marked = [
        token if control else token[2:] if token.startswith("##") else f"\u2581{token}"
        for token, control in zip(tokens, special, strict=True)
    ]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(2)
    writer.add_token_list(marked)
    writer.add_token_types([gguf.TokenType.CONTROL if each else gguf.TokenType.NORMAL for each in special])
    writer.add_bos_token_id(tokens.index("[CLS]"))
    writer.add_eos_token_id(tokens.index("[SEP]"))
    writer.add_sep_token_id(tokens.index("[SEP]"))
    writer.add_unk_token_id(tokens.index("[UNK]"))
    writer.add_pad_token_id(tokens.index("[PAD]"))
    writer.add_mask_token_id(tokens.index("[MASK]"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("source", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in [*options.source.glob("*.json"), options.source / "vocab.txt"]:
        shutil.copy(path, options.folder)
    write_onnx(options.folder, options.source)
    for name in ("F32", "Q8_0"):
        write_gguf(options.folder / f"{name}.gguf", options.source, gguf.GGMLQuantizationType[name])


if __name__ == "__main__":
    main()
