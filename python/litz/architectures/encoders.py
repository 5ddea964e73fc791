"""What the encoders share: layers that read both ways, and the names of BERT's tensors."""

from collections.abc import Callable
from dataclasses import replace

from litz.architectures.base import layer_norm, plain, post
from litz.architectures.names import Names, Target, layer_table
from litz.config import Keys
from litz.spec import Attention, Norm, Positions, Rope, Spec, TokenStem

EMBEDDINGS: Names = {
    "embeddings.word_embeddings": "embed",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "types",
    "embeddings.LayerNorm": "embed_norm",
    "embeddings.position_ids": None,
    "embeddings.token_type_ids": None,
}
LAYERS: dict[str, Target] = {
    "attention.self.query": "attn.q",
    "attention.self.key": "attn.k",
    "attention.self.value": "attn.v",
    "attention.output.dense": "attn.o",
    "attention.output.LayerNorm": "attn_norm",
    "intermediate.dense": "mlp.up",
    "output.dense": "mlp.down",
    "output.LayerNorm": "mlp_norm",
}
BERT: Names = {**EMBEDDINGS, **layer_table("encoder.layer.{i}.", LAYERS)}
# Of those that were written for fused kernels.
FUSED: Names = {
    **EMBEDDINGS,
    "emb_ln": "embed_norm",
    **layer_table("encoder.layers.{i}.", {"norm1": "attn_norm", "mlp.fc2": "mlp.down", "norm2": "mlp_norm"}),
}


def encoder(made: Spec) -> Spec:
    """The same without a head, and without a norm at its end where the last layer ends in one."""
    normed = made.layers[-1][-1].after is not None
    return replace(made, head=None, towers={"text": replace(made.main, norm=None if normed else made.main.norm)})


def bert_like(
    c: Keys,
    *,
    norm: Norm | None = None,
    bias: bool = True,
    gated: bool = False,
    ropes: Rope | None = None,
    attention: Callable[[Attention], Attention] = lambda made: made,
    stem: Callable[[TokenStem], TokenStem] = lambda made: made,
) -> Spec:
    """BERT: norms after the sums, and embeddings of tokens, positions and types that are normed together.

    With `ropes` there are no learned positions.
    """
    check_both_ways(c)
    c.only("position_embedding_type", "rotary" if ropes else "absolute", family="model of this type that litz runs")
    norm = norm or layer_norm(c)
    types = 0 if c.get("type_vocab_size") is None else c.count("type_vocab_size")
    positions = None if ropes else Positions(c.size("max_position_embeddings"))
    whole = TokenStem(c.size("vocab_size"), c.size("hidden_size"), positions=positions, types=types, norm=norm)
    return encoder(
        plain(
            c, norm=norm, shape=post, bias="qkvo" if bias else "", gated=gated, mlp_bias=bias, causal=False,
            kv_heads=c.size("num_attention_heads"), ropes=ropes, attention=lambda index, made: attention(made),
            stem=lambda made: stem(whole),
        )
    )  # fmt: skip


def check_both_ways(c: Keys) -> None:
    """Refuses what makes a decoder of an encoder."""
    for key in ("is_decoder", "add_cross_attention", "is_encoder_decoder"):
        c.refuse(key, "litz runs this model type as an encoder, which reads both ways")


def counted_from_padding(made: Spec, skip: int) -> Spec:
    """Positions as fairseq counts them: padding keeps row `skip`, and tokens begin behind it."""
    tower, stem = made.main, made.main.stem
    assert isinstance(stem, TokenStem)
    rows = tower.context
    stem = replace(stem, positions=Positions(rows, skip=skip))
    return replace(made, towers={"text": replace(tower, context=rows - skip - 1, stem=stem)})
