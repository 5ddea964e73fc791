"""The tables of tensor names: what each form makes of a stored tensor, and that no tensor is lost or claimed twice."""

from dataclasses import replace
from typing import Any

import pytest

from litz.architectures.base import Family, Mixer, pre
from litz.architectures.forms import Conv, Experts, Grouped, Heads, Stacked, Transposed
from litz.architectures.names import Names, Target, canonical, layer_names
from litz.errors import WeightsError
from litz.spec import Attention, LmHead, Mlp, Norm, ShortConv, Spec, TokenStem, Tower
from litz.weights import Part, Source, StoredFile, plan

ATTENTION = Attention(heads=4, kv_heads=2, head_dim=8, value_dim=8, scale=1.0, bias="qkv")


def spec(*layers: tuple[Mixer, int]) -> Spec:
    """A decoder with these mixers and widths of feed-forwards."""
    made = tuple(pre(mixer, Mlp(width), Norm()) for mixer, width in layers)
    return Spec({"text": Tower(16, 8, TokenStem(20, 16), made, Norm())}, LmHead(20, 16, tied=True))


SPEC = spec((ATTENTION, 24), (ATTENTION, 24))
NAMES = {
    "embed": "embed",
    "norm": "norm",
    **layer_names(
        ln1="attn_norm", ln2="mlp_norm", qkv=("attn.q", "attn.k", "attn.v"), o="attn.o",
        gate="mlp.gate", up="mlp.up", down="mlp.down",
    ),
}  # fmt: skip
LAYER = {
    "ln1.weight": (16,), "ln2.weight": (16,), "o.weight": (16, 32), "qkv.weight": (64, 16), "qkv.bias": (64,),
    "gate.weight": (24, 16), "up.weight": (24, 16), "down.weight": (16, 24),
}  # fmt: skip
STORED = {
    "embed.weight": (20, 16),
    "norm.weight": (16,),
    **{f"model.layers.{i}.{name}": shape for i in (0, 1) for name, shape in LAYER.items()},
}
Shapes = dict[str, tuple[int, ...]]


def planned(names: Names = NAMES, stored: Shapes = STORED, spec: Spec = SPEC) -> dict[str, Source]:
    def no_spec(_: Any) -> Spec:
        raise AssertionError

    family = Family({}, no_spec, names)
    files = [StoredFile(stored)]
    _, sources, _ = plan(spec, family, files, names=names, where="test", same=lambda one, two: one == two)
    return {source.name: source for source in sources}


def with_layer(target: Target, **rows: Target) -> Names:
    return {**NAMES, **layer_names(qkv=target, **rows)}


class TestForms:
    def test_one_name_takes_the_whole_tensor(self) -> None:
        assert planned()["layers.1.mlp.up.weight"].parts == (Part(0, "model.layers.1.up.weight", 0, 24),)

    def test_several_names_take_rows_one_after_the_other(self) -> None:
        tensor = "model.layers.0.qkv.weight"
        found = planned()
        assert found["layers.0.attn.q.weight"].parts == (Part(0, tensor, 0, 32),)
        assert found["layers.0.attn.k.weight"].parts == (Part(0, tensor, 32, 16),)
        assert found["layers.0.attn.v.weight"].parts == (Part(0, tensor, 48, 16),)

    def test_grouped_names_take_their_share_of_each_key_head(self) -> None:
        found = planned(with_layer(Grouped("attn.q", "attn.k", "attn.v")))
        for kind in ("weight", "bias"):
            tensor = f"model.layers.1.qkv.{kind}"
            assert found[f"layers.1.attn.q.{kind}"].parts == (Part(0, tensor, 0, 16), Part(0, tensor, 32, 16))
            assert found[f"layers.1.attn.k.{kind}"].parts == (Part(0, tensor, 16, 8), Part(0, tensor, 48, 8))
            assert found[f"layers.1.attn.v.{kind}"].parts == (Part(0, tensor, 24, 8), Part(0, tensor, 56, 8))

    def test_transposed_names_take_columns_but_biases_have_none(self) -> None:
        stored = {**STORED, **{f"model.layers.{i}.qkv.weight": (16, 64) for i in (0, 1)}}
        found = planned(with_layer(Transposed("attn.q", "attn.k", "attn.v")), stored)
        weight, bias = "model.layers.0.qkv.weight", "model.layers.0.qkv.bias"
        assert found["layers.0.attn.k.weight"] == ("layers.0.attn.k.weight", (Part(0, weight, 32, 16),), True)
        assert found["layers.0.attn.k.bias"] == ("layers.0.attn.k.bias", (Part(0, bias, 32, 16),), False)

    def test_stacked_tensors_are_one_vector_in_the_order_of_their_numbers(self) -> None:
        found = planned(*stacked([2, 0, 3, 1]))
        norms = [f"model.layers.0.norms.{e}.weight" for e in range(4)]
        assert found["layers.0.attn.q_norm.weight"].parts == tuple(Part(0, norm, 0, 8) for norm in norms)

    def test_a_tensor_of_all_experts_is_cut_along_its_first_axis(self) -> None:
        # The layers stand for experts here: what counts is that the targets differ in one number.
        names = {**NAMES, "all_gate_up": Experts("layers.{e}.mlp.gate", "layers.{e}.mlp.up")}
        stored = {name: shape for name, shape in STORED.items() if ".gate." not in name and ".up." not in name}
        found = planned(names, {**stored, "all_gate_up.weight": (2, 48, 16)})
        assert found["layers.0.mlp.up.weight"].parts == (Part(0, "all_gate_up.weight", 24, 24),)
        assert found["layers.1.mlp.gate.weight"].parts == (Part(0, "all_gate_up.weight", 48, 24),)
        with pytest.raises(WeightsError, match=r"found \[3, 48, 16\], expected \[2, 48, 16\]"):
            planned(names, {**stored, "all_gate_up.weight": (3, 48, 16)})

    def test_outer_sizes_of_one_are_written_or_not(self) -> None:
        for shape in ((1, 16), (1, 1, 16)):
            assert planned(stored={**STORED, "norm.weight": shape})["norm.weight"].parts[0].rows == 16

    def test_rows_of_experts_may_take_turns(self) -> None:
        names = {**NAMES, "all_gate_up": Experts("layers.{e}.mlp.gate", "layers.{e}.mlp.up", interleaved=True)}
        stored = {name: shape for name, shape in STORED.items() if ".gate." not in name and ".up." not in name}
        found = planned(names, {**stored, "all_gate_up.weight": (2, 48, 16)})
        assert found["layers.0.mlp.up.weight"].parts == (Part(0, "all_gate_up.weight", 1, 24, 2),)
        assert found["layers.1.mlp.gate.weight"].parts == (Part(0, "all_gate_up.weight", 48, 24, 2),)

    def test_experts_may_be_stored_in_out(self) -> None:
        names = {**NAMES, "all_up": Experts("layers.{e}.mlp.up", transposed=True)}
        stored = {name: shape for name, shape in STORED.items() if ".up." not in name}
        found = planned(names, {**stored, "all_up.weight": (2, 16, 24)})
        expected = ("layers.1.mlp.up.weight", (Part(0, "all_up.weight", 24, 24),), True)
        assert found["layers.1.mlp.up.weight"] == expected

    def test_a_vector_over_all_heads_may_be_a_row_a_head(self) -> None:
        names, stored, spec = stacked([])
        names = {**names, **layer_names(k_norm=Heads("attn.k_norm"), all_norms=Heads("attn.q_norm"))}
        shapes = {"model.layers.0.k_norm.weight": (2, 8), "model.layers.0.all_norms.weight": (4, 8)}
        found = planned(names, {**stored, **shapes}, spec)
        assert found["layers.0.attn.q_norm.weight"].parts == (Part(0, "model.layers.0.all_norms.weight", 0, 32),)
        with pytest.raises(WeightsError, match=r"found \[32\], expected \[4, 8\]"):
            planned(names, {**stored, **shapes, "model.layers.0.all_norms.weight": (32,)}, spec)

    def test_factors_of_a_convolution_have_one_row_a_channel(self) -> None:
        conv = spec((ShortConv(3), 24), (ATTENTION, 24))
        names = {**NAMES, **layer_names(mix=("conv.b", "conv.c", "conv.v"), conv=Conv("conv.conv"), out="conv.o")}
        left = {name: shape for name, shape in STORED.items() if "layers.0.qkv" not in name and ".0.o." not in name}
        mixer = {"mix": (48, 16), "conv": (16, 1, 3), "out": (16, 16)}
        stored = {**left, **{f"model.layers.0.{name}.weight": shape for name, shape in mixer.items()}}
        found = planned(names, stored, conv)
        assert found["layers.0.conv.conv.weight"].parts == (Part(0, "model.layers.0.conv.weight", 0, 16),)
        with pytest.raises(WeightsError, match=r"found \[16, 3\], expected \[16, 1, 3\]"):
            planned(names, {**stored, "model.layers.0.conv.weight": (16, 3)}, conv)


def stacked(numbers: list[Any]) -> tuple[Names, Shapes, Spec]:
    """A per-head query norm kept as one tensor a head in the first layer."""
    normed = replace(ATTENTION, q_norm=Norm(), k_norm=Norm(), norm_over="whole")
    names = {**NAMES, **layer_names(**{"norms__{e}": Stacked("attn.q_norm"), "k_norm": "attn.k_norm"})}
    stored = {**STORED, "model.layers.0.k_norm.weight": (16,)}
    stored |= {f"model.layers.0.norms.{e}.weight": (8,) for e in numbers}
    return names, stored, spec((normed, 24), (ATTENTION, 24))


NUMBERED: Names = {
    "h.{i}.experts.{e}.up": "layers.{i}.moe.experts.{e}.up",
    "h.{i}.all_up": Experts("layers.{i}.moe.experts.{e}.up"),
    "h.{i}.seq.0": "layers.{i}.mlp.up",
    "h.{i}.masked": None,
}


class TestNumbers:
    def test_the_first_is_the_layer_and_the_second_the_expert(self) -> None:
        match = canonical(NUMBERED, "h.11.experts.7.up.weight")
        assert match is not None
        assert (match.targets, match.index, match.part) == (("layers.11.moe.experts.7.up.weight",), 11, 7)

    def test_all_experts_in_one_tensor_keep_the_place_of_their_number(self) -> None:
        match = canonical(NUMBERED, "h.2.all_up.weight")
        assert match is not None
        assert match.targets == ("layers.2.moe.experts.{e}.up.weight",)

    def test_a_number_that_the_table_spells_is_no_placeholder(self) -> None:
        match = canonical(NUMBERED, "h.2.seq.0.bias")
        assert match is not None
        assert match.targets == ("layers.2.mlp.up.bias",)

    def test_what_is_no_weight_is_none(self) -> None:
        assert canonical(NUMBERED, "h.2.masked") is None

    @pytest.mark.parametrize("number", ["01", "-1", "1e3", "٣", "1 ", "", "9" * 10, "9" * 5000, "{i}"])
    def test_an_absurd_one_has_no_rule(self, number: str) -> None:
        with pytest.raises(KeyError):
            canonical(NUMBERED, f"h.{number}.experts.0.up.weight")
        with pytest.raises(KeyError):
            canonical(NUMBERED, f"h.0.experts.{number}.up.weight")


class TestRefusals:
    @pytest.mark.parametrize(
        ("numbers", "problem"),
        [
            ([0, 1, 3], "missing tensor for part 2 of layers.0.attn.q_norm.weight"),
            ([1, 2, 3, 4], "missing tensor for part 0"),
            ([0, 1, 2], "3 tensors hold 24 rows of layers.0.attn.q_norm.weight, expected 32"),
            ([0, 1, 2, 3, 4], "5 tensors hold 40 rows"),
            ([0, 1, 2, 999_999_999], "missing tensor for part 3"),
            ([0, 1, 2, 3, "03"], r"unexpected tensor model\.layers\.0\.norms\.03\.weight"),
            ([], "missing tensor for layers.0.attn.q_norm.weight"),
        ],
    )
    def test_a_stack_has_no_gaps_and_nothing_left(self, numbers: list[Any], problem: str) -> None:
        with pytest.raises(WeightsError, match=problem):
            planned(*stacked(numbers))

    def test_a_number_that_occurs_twice_is_named(self) -> None:
        names, stored, spec = stacked([0, 1, 2, 3])
        names = {**names, **layer_names(**{"again__{e}": Stacked("attn.q_norm")})}
        with pytest.raises(WeightsError, match=r"both hold part 1 of layers\.0\.attn\.q_norm\.weight"):
            planned(names, {**stored, "model.layers.0.again.1.weight": (8,)}, spec)

    @pytest.mark.parametrize(
        ("name", "shape", "expected"),
        [
            ("model.layers.0.qkv.weight", (16, 64), [64, 16]),
            ("model.layers.0.qkv.weight", (64,), [64, 16]),
            ("model.layers.0.qkv.weight", (4, 16, 15), [64, 16]),
            ("model.layers.0.qkv.weight", (2, 2, 16, 16), [64, 16]),
            ("model.layers.0.qkv.bias", (63,), [64]),
            ("norm.weight", (), [16]),
            ("norm.weight", (2, 9), [16]),
        ],
    )
    def test_a_wrong_shape_is_named_with_the_right_one(
        self, name: str, shape: tuple[int, ...], expected: list[int]
    ) -> None:
        with pytest.raises(WeightsError) as caught:
            planned(stored={**STORED, name: shape})
        assert f"wrong shape of {name}: found {list(shape)}, expected {expected}" in str(caught.value)

    def test_groups_that_do_not_divide_the_rows_are_an_error(self) -> None:
        with pytest.raises(WeightsError, match="in 2 groups"):
            planned({**NAMES, **layer_names(up=Grouped("mlp.up"))}, spec=spec((ATTENTION, 25), (ATTENTION, 25)))

    def test_two_tensors_for_one_weight_are_both_named(self) -> None:
        names = {**NAMES, "final": "norm"}
        with pytest.raises(WeightsError, match=r"final\.weight and norm\.weight both hold norm\.weight"):
            planned(names, {**STORED, "final.weight": (16,)})

    def test_everything_wrong_is_listed_at_once(self) -> None:
        stored = {**STORED, "model.layers.7.up.weight": (24, 16), "what": (1,), "norm.weight": (15,)}
        del stored["embed.weight"]
        with pytest.raises(WeightsError) as caught:
            planned(stored=stored)
        for problem in (
            "has no layers.7.mlp.up",
            "unexpected tensor what",
            "wrong shape of norm",
            "missing tensor for embed",
        ):
            assert problem in str(caught.value)
