"""`litz quantize`: which type each tensor gets, the bytes that gguf-py would write, and a file that others read."""

import errno
import json
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Ggml
from gguf import quants

import litz
from litz._core import TensorFile
from litz.cli import main
from litz.errors import ArgumentError, UnsupportedError
from litz.export.job import Job
from litz.export.plan import plan
from litz.export.schemes import SCHEMES, scheme_named
from tests.servers import isolate
from tests.unit import tiny

WIDTH, HIDDEN, LAYERS = 256, 320, 3
# (rows, columns); 320 columns are no multiple of 256.
MATRICES = {
    "attn_q": (256, 256), "attn_k": (128, 256), "attn_v": (128, 256), "attn_output": (256, 256),
    "ffn_gate": (320, 256), "ffn_up": (320, 256), "ffn_down": (256, 320),
}  # fmt: skip
EXACT = ("F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")
# Squared error of normally distributed numbers, relative to their squares; llama.cpp's own is 5.09e-3, 1.30e-3,
# 3.14e-4 and 5.79e-3.
SEARCHED = {"Q4_K": 5.05e-3, "Q5_K": 1.25e-3, "Q6_K": 2.95e-4, "IQ4_NL": 5.6e-3}


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    return isolate(monkeypatch, tmp_path)


def weights() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5)
    shapes = {"token_embd.weight": (tiny.VOCAB, WIDTH)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in MATRICES.items()}
    found = {name: draw.normal(scale=0.06, size=shape).astype(np.float32) for name, shape in shapes.items()}
    norms = [f"blk.{layer}.{kind}_norm.weight" for layer in range(LAYERS) for kind in ("attn", "ffn")]
    return found | {name: np.ones(WIDTH, np.float32) for name in ("output_norm.weight", *norms)}


def write_llama(path: Path, *, stored: str = "F32", changed: dict[str, np.ndarray] | None = None) -> Path:
    """A llama whose matrices are random; its tokenizer is of single bytes."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(tiny.VOCAB)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_array("general.tags", ["one", "two"])
    writer.add_float64("general.odd", 0.1)
    writer.add_int8("general.small", -3)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([f"<{i}>" for i in range(tiny.VOCAB)])
    writer.add_token_types([1] * tiny.VOCAB)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(1)
    for name, values in (weights() | (changed or {})).items():
        if stored != "F32" and values.ndim > 1:
            kind = Ggml[stored]
            writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_llama(tmp_path_factory.mktemp("llama") / "model-f32.gguf")


def quantized(model: Path, kind: str, *more: str) -> TensorFile:
    target = Path(os.environ["LITZ_HOME"]).parent / f"{kind}.gguf"
    assert main(["quantize", str(model), kind, "-o", str(target), *more]) == 0
    return TensorFile(target)


def kinds(file: TensorFile) -> dict[str, str]:
    return {name: dtype for name, (dtype, _, _) in file.tensors().items()}


@pytest.mark.parametrize("kind", EXACT)
def test_bytes_equal_those_of_gguf_py(model, kind):
    file = quantized(model, kind)
    for name, values in weights().items():
        stored = kinds(file)[name]
        if values.ndim == 1:
            assert stored == "F32"
            assert file.read(name) == values.tobytes()
        elif name != "token_embd.weight":  # the output, which is wider
            assert stored == kind
            assert file.read(name) == quants.quantize(values, Ggml[kind]).tobytes()


@pytest.mark.parametrize("kind", SEARCHED)
def test_searched_scales_keep_more_than_llama_cpp_does(model, kind):
    file = quantized(model, kind)
    values = weights()["blk.1.attn_q.weight"]
    assert kinds(file)["blk.1.attn_q.weight"] == kind
    stored = np.frombuffer(file.read("blk.1.attn_q.weight"), np.uint8)
    reference = quants.dequantize(stored, Ggml[kind]).ravel()
    assert file.read_f32("blk.1.attn_q.weight") == reference.tobytes()
    assert ((reference - values.ravel()) ** 2).sum() <= SEARCHED[kind] * (values**2).sum()


@pytest.mark.parametrize("kind", SCHEMES)
def test_every_type_loads_and_stays_near_the_original(model, kind):
    file = quantized(model, kind)
    path = Path(os.environ["LITZ_HOME"]).parent / f"{kind}.gguf"
    ids = np.arange(20)[None]
    exact = litz.AutoModelForCausalLM.from_pretrained(model, activations="f32")(ids).logits
    found = litz.AutoModelForCausalLM.from_pretrained(path, activations="f32")(ids).logits
    bits = kind.strip("BFIQ")[:1]
    least = {"4": 0.95, "5": 0.98}.get(bits, 0.998)  # random matrices forgive less than trained ones
    assert np.corrcoef(np.ravel(exact), np.ravel(found))[0, 1] > least
    assert file.size < model.stat().st_size or kind == "F32"


def test_keys_stay_with_their_types_and_order(model):
    before, after = gguf.GGUFReader(model), gguf.GGUFReader(_path(quantized(model, "Q4_K_M"), "Q4_K_M"))
    changed = {"GGUF.kv_count", "general.file_type"}
    assert [*before.fields, "general.quantization_version"] == list(after.fields)
    for name, field in before.fields.items():
        other = after.fields[name]
        assert (field.types, field.name) == (other.types, other.name)
        assert name in changed or field.contents() == other.contents()
    assert after.fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_Q4_K_M
    assert after.fields["general.quantization_version"].contents() == gguf.GGML_QUANT_VERSION
    for tensor in after.tensors:
        assert tensor.data_offset % 32 == 0


def _path(_: TensorFile, kind: str) -> Path:
    return Path(os.environ["LITZ_HOME"]).parent / f"{kind}.gguf"


def test_rows_that_do_not_fit_get_the_next_type_and_are_counted(model, capsys):
    found = kinds(quantized(model, "Q4_K"))
    assert found["token_embd.weight"] == "Q6_K"  # the output too
    assert found["blk.0.attn_q.weight"] == "Q4_K"
    assert found["blk.0.ffn_down.weight"] == "Q5_0"
    shown = capsys.readouterr()
    assert shown.out == f"{_path(None, 'Q4_K')}\n"
    assert "3 tensors with rows of 320 numbers became Q5_0: Q4_K needs a multiple of 256" in shown.err
    assert "18 Q4_K, 7 F32, 3 Q5_0, 1 Q6_K; " in shown.err
    assert " became " in shown.err


def of(names: dict[str, tuple[int, ...]], kind: str, **header: object) -> dict[str, str]:
    tensors = {name: ("F32", shape, 0) for name, shape in names.items()}
    known = {"general.architecture": "llama", **{f"llama.{key}": value for key, value in header.items()}}
    return {each.name: each.dtype for each in plan(tensors, known, scheme_named(kind))}


def layers(count: int, **more: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    names = {f"blk.{i}.{name}.weight": (256, 512) for i in range(count) for name in ("attn_k", "attn_v", "ffn_down")}
    return names | more


def test_an_output_of_its_own_is_wide_and_the_embeddings_are_not():
    names = {"token_embd.weight": (64, 256), "output.weight": (64, 256)}
    assert of(names, "Q4_0") == {"token_embd.weight": "Q4_0", "output.weight": "Q6_K"}
    assert of(names, "Q8_0") == {"token_embd.weight": "Q8_0", "output.weight": "Q8_0"}
    assert of(names, "F16") == {"token_embd.weight": "F16", "output.weight": "F16"}
    assert of({"token_embd.weight": (64, 576)}, "Q4_K") == {"token_embd.weight": "Q8_0"}
    assert of({"token_embd.weight": (64, 100)}, "Q4_K") == {"token_embd.weight": "F16"}


def test_the_mixtures_raise_the_layers_that_llama_cpp_raises():
    found = of(layers(16), "Q4_K_M", block_count=16)
    raised = [0, 1, 4, 7, 10, 13, 14, 15]
    for i in range(16):
        assert found[f"blk.{i}.attn_k.weight"] == "Q4_K"
        for name in ("attn_v", "ffn_down"):
            assert found[f"blk.{i}.{name}.weight"] == ("Q6_K" if i in raised else "Q4_K")
    small = of(layers(16), "Q4_K_S", block_count=16)
    assert [i for i in range(16) if small[f"blk.{i}.attn_v.weight"] == "Q5_K"] == [0, 1, 2, 3]
    assert [i for i in range(16) if small[f"blk.{i}.ffn_down.weight"] == "Q5_K"] == [0, 1]
    large = {"attention.head_count": 64, "attention.head_count_kv": 8, "block_count": 80}
    assert set(of(layers(80), "Q4_K_M", **large).values()) == {"Q4_K", "Q5_K", "Q6_K"}


def test_the_mixtures_are_refused_where_their_rule_is_not_known():
    with pytest.raises(UnsupportedError, match=r"Q4_K_M raises layers .* Q4_K gives all"):
        of(layers(4), "Q4_K_M", block_count=5)
    with pytest.raises(UnsupportedError, match="Q5_K_M raises"):
        of(layers(4), "Q5_K_M", block_count=4, expert_count=8)


def test_what_is_no_matrix_to_multiply_keeps_its_type():
    names = {
        "blk.0.attn_norm.weight": (256,), "blk.0.attn_q.bias": (256,), "blk.0.attn_q_norm.weight": (4, 256),
        "blk.0.ffn_gate_inp.weight": (8, 256), "position_embd.weight": (64, 256),
        "blk.0.ffn_up_exps.weight": (4, 8, 256),
    }  # fmt: skip
    assert of(names, "Q8_0") == dict.fromkeys(names, "F32") | {"blk.0.ffn_up_exps.weight": "Q8_0"}


def test_names_of_types_are_found_in_any_case_and_the_nearest_is_suggested():
    assert scheme_named("q4_k_m").file_type == gguf.LlamaFileType.MOSTLY_Q4_K_M
    with pytest.raises(ArgumentError, match=r"no type 'Q4KM' .*did you mean Q4_K_M\? There are F32, F16, .*IQ4_NL"):
        scheme_named("Q4KM")


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_file_types_are_those_of_gguf_py(scheme):
    name = {"F32": "ALL_F32", "Q4_K": "MOSTLY_Q4_K_S", "Q5_K": "MOSTLY_Q5_K_S"}.get(
        scheme.name, f"MOSTLY_{scheme.name}"
    )
    assert scheme.file_type == gguf.LlamaFileType[name]


def test_a_quantised_file_is_refused_unless_asked_and_may_become_floats(tmp_path, capsys):
    source = write_llama(tmp_path / "q8.gguf", stored="Q8_0")
    target = tmp_path / "out.gguf"
    assert main(["quantize", str(source), "Q4_0", "-o", str(target)]) == 1
    shown = capsys.readouterr().err
    assert "22 of its tensors would go from Q8_0" in shown
    assert "--allow-requantize" in shown
    assert not target.exists()
    assert main(["quantize", str(source), "Q4_0", "-o", str(target), "--allow-requantize"]) == 0
    assert kinds(TensorFile(target))["blk.0.attn_q.weight"] == "Q4_0"
    again = quantized(source, "Q8_0")
    assert again.read("blk.0.attn_q.weight") == TensorFile(source).read("blk.0.attn_q.weight")
    floats = quantized(source, "F32")
    assert floats.read("blk.0.attn_q.weight") == TensorFile(source).read_f32("blk.0.attn_q.weight")


def test_nothing_is_overwritten_unasked_and_never_the_model_itself(model, tmp_path, capsys):
    target = tmp_path / "there.gguf"
    target.write_text("mine")
    assert main(["quantize", str(model), "Q8_0", "-o", str(target)]) == 1
    assert "is there already; --force" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main(["quantize", str(model), "Q8_0", "-o", str(target), "--force"]) == 0
    assert TensorFile(target).format == "gguf"
    assert main(["quantize", str(model), "Q8_0", "-o", str(model), "--force"]) == 1
    assert "is the model itself" in capsys.readouterr().err
    assert main(["quantize", str(model), "Q8_0", "-o", str(tmp_path)]) == 1
    assert main(["quantize", str(model), "Q8_0", "-o", str(tmp_path / "none" / "x.gguf")]) == 1
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_regular_file_is_never_replaced(model, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert main(["quantize", str(model), "Q8_0", "-o", str(tmp_path / "pipe"), "--force"]) == 1
    assert "is no regular file" in capsys.readouterr().err
    assert (tmp_path / "pipe").is_fifo()


def test_a_number_that_cannot_be_stored_is_an_error_and_leaves_nothing(tmp_path, capsys):
    broken = weights()["blk.1.ffn_up.weight"]
    broken[3, 7] = np.nan
    source = write_llama(tmp_path / "nan.gguf", changed={"blk.1.ffn_up.weight": broken})
    before = sorted(tmp_path.iterdir())
    assert main(["quantize", str(source), "Q4_K", "-o", str(tmp_path / "out.gguf")]) == 1
    assert 'the tensor "blk.1.ffn_up.weight": element 775 is NaN; only finite numbers' in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_disk_without_room_is_refused_before_anything_is_written(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    assert main(["quantize", str(model), "Q8_0", "-o", str(tmp_path / "out.gguf")]) == 1
    assert "has 1 B free; the file needs" in capsys.readouterr().err


def test_threads_do_not_change_a_byte(model):
    one = quantized(model, "Q4_K_M", "--threads", "1")
    bytes_of_one = _path(one, "Q4_K_M").read_bytes()
    quantized(model, "Q4_K_M", "--threads", "3", "--force")
    assert _path(one, "Q4_K_M").read_bytes() == bytes_of_one


def test_safetensors_are_written_as_gguf_and_quantised(tmp_path, capsys):
    folder, path = tiny.write_model(tmp_path / "folder"), tmp_path / "out.gguf"
    (folder / "tokenizer.json").write_bytes(tiny.tokenizer_json())
    assert main(["quantize", str(folder), "Q8_0", "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["out.gguf"]
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}
    assert kinds["blk.0.attn_q.weight"] == "Q8_0"
    assert kinds["output_norm.weight"] == "F32"
    whole, again = tmp_path / "whole.gguf", tmp_path / "again.gguf"
    assert main(["quantize", str(folder), "F32", "-o", str(whole)]) == 0
    assert main(["quantize", str(whole), "Q8_0", "-o", str(again)]) == 0
    assert path.read_bytes() == again.read_bytes()
    one, two = (litz.AutoModelForCausalLM.from_pretrained(source)([[1, 2, 3]]).logits for source in (folder, whole))
    assert np.abs(np.asarray(one) - np.asarray(two)).max() < 1e-5


@pytest.fixture
def signals_as_in_a_terminal():
    """A background job ignores some signals, and what it starts inherits that."""
    handlers = dict.fromkeys((signal.SIGTERM, signal.SIGHUP), signal.SIG_DFL)
    handlers[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
@pytest.mark.usefixtures("signals_as_in_a_terminal")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whatever_ends_it_leaves_no_half_files(name, tmp_path, monkeypatch):
    folder = tiny.write_model(tmp_path / "folder")
    (folder / "tokenizer.json").write_bytes(tiny.tokenizer_json())
    there = []

    def stopped(*_args, **_kwargs):
        there.extend(file.name for file in tmp_path.iterdir() if file.is_file())
        os.kill(os.getpid(), getattr(signal, name))

    monkeypatch.setattr(Job, "write", stopped)
    expected = 130 if name == "SIGINT" else 128 + getattr(signal, name)
    try:
        code = main(["quantize", str(folder), "Q8_0", "-o", str(tmp_path / "out.gguf")])
    except SystemExit as stop:
        code = stop.code
    assert code == expected
    assert len(there) == 2  # both are being written
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == []


def test_a_folder_without_room_is_named_and_no_temporary_file(tmp_path, capsys, monkeypatch):
    folder = tiny.write_model(tmp_path / "folder")
    (folder / "tokenizer.json").write_bytes(tiny.tokenizer_json())

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("litz.convert.model.Description.write", full)
    assert main(["quantize", str(folder), "Q8_0", "-o", str(tmp_path / "out.gguf")]) == 1
    said = f"litz: {tmp_path} cannot hold the model as GGUF: No space left on device\n"
    assert capsys.readouterr().err.endswith(said)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    assert main(["quantize", str(folder), "Q8_0", "-o", str(tmp_path / "out.gguf")]) == 1
    assert "has 10 B free; the model as GGUF, which is quantised then and deleted, needs" in capsys.readouterr().err


def test_safetensors_of_other_families_are_refused_and_nothing_is_left(tmp_path, capsys):
    folder = tiny.write_model(tmp_path / "folder")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "phi3"}))
    assert main(["quantize", str(folder), "Q8_0", "-o", str(tmp_path / "out.gguf")]) == 1
    assert "does not write the family phi3 as GGUF, only llama, mistral" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == []


def test_keys_of_an_importance_matrix_are_left_out_and_alignment_is_kept(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "in.gguf", "llama")
    writer.add_custom_alignment(128)
    writer.add_uint32("quantize.imatrix.entries_count", 4)
    writer.add_tensor("a.weight", np.ones((3, 32), np.float32))
    writer.add_tensor("b.weight", np.ones((5, 32), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    reader = gguf.GGUFReader(_path(quantized(tmp_path / "in.gguf", "Q5_1"), "Q5_1"))
    assert "quantize.imatrix.entries_count" not in reader.fields
    assert [tensor.data_offset % 128 for tensor in reader.tensors] == [0, 0]
    assert [tensor.tensor_type for tensor in reader.tensors] == [Ggml.Q5_1, Ggml.Q5_1]
