"""Memory: what a load takes is computed and reported before it starts, and never exceeds the limit."""

import json
import struct
import subprocess
import sys
from math import prod
from pathlib import Path

import gguf
import numpy as np
import pytest

import litz
from litz.cli import main
from litz.errors import ArgumentError, InsufficientMemoryError
from tests.unit.tiny import write_model

WIDTH, VOCAB = 64, 96
LLAMA = {
    "model_type": "llama", "hidden_size": WIDTH, "intermediate_size": 96, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 64, "vocab_size": VOCAB,
}  # fmt: skip


def write_gguf(path: Path, kind: gguf.GGMLQuantizationType, *, tied: bool = True, vocab: int = VOCAB) -> Path:
    """A llama of one layer whose matrices are all of one kind."""
    random = np.random.default_rng(5)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(96)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    shapes = {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
    shapes |= {"blk.0.ffn_gate": (96, WIDTH), "blk.0.ffn_up": (96, WIDTH), "blk.0.ffn_down": (WIDTH, 96)}
    shapes |= {"token_embd": (vocab, WIDTH)} | ({} if tied else {"output": (vocab, WIDTH)})
    for name, shape in shapes.items():
        values = random.normal(size=shape).astype(np.float32) / 8
        writer.add_tensor(f"{name}.weight", gguf.quantize(values, kind), raw_dtype=kind)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def load(path: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(path, **options)


MATRICES = 4 * WIDTH * WIDTH + 3 * 96 * WIDTH
NORMS = 3 * WIDTH * 4


class TestReport:
    def test_quantised_matrices_are_packed_and_a_tied_table_stays_in_its_file_too(self, tmp_path: Path) -> None:
        report = load(write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.Q8_0)).load_report
        assert (report.mapped, report.packed, dict(report.converted)) == (1, 8, {})
        assert report.bytes_mapped == VOCAB * WIDTH // 32 * 34
        assert report.bytes_packed == pytest.approx((MATRICES + VOCAB * WIDTH) // 32 * 34, rel=0.06)
        assert report.bytes_converted == NORMS

    def test_with_full_floats_nothing_is_packed(self, tmp_path: Path) -> None:
        path = write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.Q4_0)
        report = load(path, activations="f32").load_report
        assert (report.mapped, report.packed, report.bytes_packed) == (8, 0, 0)

    def test_floats_stay_in_their_file(self, tmp_path: Path) -> None:
        model = load(write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.BF16, tied=False))
        assert (model.load_report.mapped, model.load_report.bytes_packed) == (9, 0)
        assert model.get_memory_footprint() == 2 * (MATRICES + 2 * VOCAB * WIDTH) + NORMS

    def test_whole_floats_are_four_bytes_a_weight(self, tmp_path: Path) -> None:
        model = load(write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.Q8_0), dtype="float32")
        assert model.get_memory_footprint() == 4 * (MATRICES + VOCAB * WIDTH) + NORMS
        assert len(model.load_report.converted) == 8

    def test_it_reads_as_a_sentence(self, tmp_path: Path) -> None:
        report = load(write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.Q8_0)).load_report
        assert str(report) == "11 tensors loaded, 1 mapped (0 MB), 8 packed (0 MB)"

    def test_info_says_what_loading_will_do(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_model(tmp_path / "m")
        (tmp_path / "m" / "tokenizer.json").write_text(
            json.dumps({"model": {"type": "BPE", "vocab": {}, "merges": []}})
        )
        assert main(["info", str(tmp_path / "m")]) == 0
        rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if len(line.split()) > 1)
        assert rows["loading"].startswith("16 mapped (")
        assert rows["loading"].endswith("vectors as F32")
        assert rows["activations"].startswith("floats")
        assert "cache" in rows["memory"]
        assert "stay in the file" in rows["memory"]
        assert rows["available"].endswith("fits")


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"activations": "q8"}, "'auto', 'fast' or 'f32'"),
            ({"activations": ["auto"]}, "'auto', 'fast' or 'f32'"),
            ({"cache_dtype": "int4"}, "int4.*f16"),
            ({"cache_dtype": None}, "None.*f16"),
            ({"threads": 0}, "threads"),
        ],
    )
    def test_an_unknown_one_is_named_with_the_known_ones(
        self, tmp_path: Path, options: dict[str, object], text: str
    ) -> None:
        path = write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.Q8_0)
        with pytest.raises(ArgumentError, match=text):
            load(path, **options)

    def test_full_floats_give_what_dequantised_weights_give(self, tmp_path: Path) -> None:
        path = write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.Q8_0)
        ids = np.arange(3, 40)[None]
        exact = load(path, dtype="float32")(ids).logits
        off = {
            name: abs(load(path, activations=name, cache_dtype="float32")(ids).logits - exact).max()
            for name in ("f32", "auto", "fast")
        }
        assert off["f32"] == 0
        assert 0 < 20 * off["auto"] < off["fast"]


# Prints how much the greatest resident size grew while the model was loaded and used.
GROWTH = """
import sys
import litz, litz.models.native, litz.checkpoint, litz.generation, litz.arrays
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024
before = peak()
model = litz.AutoModelForCausalLM.from_pretrained(sys.argv[1], threads=2)
model([[1]])
print(peak() - before)
"""

# Limits the address space to what is mapped already and `more`, then loads as float32.
LIMITED = """
import resource, sys
import litz, litz.models.native, litz.checkpoint, litz.generation, litz.arrays
from litz.errors import FileAccessError, InsufficientMemoryError
mapped = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
limit = mapped + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    model = litz.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="float32", threads=1)
    print("loaded")
except (InsufficientMemoryError, MemoryError, FileAccessError) as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """17 million zeros as bfloat16: 34 MB of holes on disk, 68 MB as float32."""
    folder = tmp_path_factory.mktemp("large")
    config = LLAMA | {"hidden_size": 512, "intermediate_size": 512, "vocab_size": 30000, "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config))
    square = dict.fromkeys(("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"), (512, 512))
    square |= dict.fromkeys(("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"), (512, 512))
    layer = {**square, "input_layernorm": (512,), "post_attention_layernorm": (512,)}
    shapes = {"model.embed_tokens": (30000, 512), "model.norm": (512,)}
    shapes |= {f"model.layers.0.{name}": shape for name, shape in layer.items()}
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * prod(shape)
        header[f"{name}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_packing_needs_no_memory_for_the_file_beside_the_packed_weights(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", gguf.GGMLQuantizationType.Q8_0, vocab=700_000)
    done = subprocess.run([sys.executable, "-c", GROWTH, str(path)], capture_output=True, text=True, check=True)
    assert path.stat().st_size > 45e6
    assert int(done.stdout) < 1.5 * path.stat().st_size  # twice the file, if its pages stayed; the logits are 3 MB


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's")
class TestLimits:
    def run(self, folder: Path, megabytes: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(folder), str(megabytes << 20)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_what_does_not_fit_is_refused_with_the_numbers(self, large: Path) -> None:
        said = self.run(large, 60)
        assert said.startswith("InsufficientMemoryError the model needs 7")
        for text in ("(weights 69 MB, working memory ", "MB are left (the address space is limited to", "close"):
            assert text in said

    def test_the_error_is_a_memory_error(self) -> None:
        assert issubclass(InsufficientMemoryError, MemoryError)

    def test_what_fits_is_loaded(self, large: Path) -> None:
        assert self.run(large, 400) == "loaded\n"

    @pytest.mark.parametrize("megabytes", [8, 40, 100, 116, 124])
    def test_no_limit_ends_the_process(self, large: Path, megabytes: int) -> None:
        assert self.run(large, megabytes).startswith(("loaded", "InsufficientMemoryError", "MemoryError", "FileAccess"))
