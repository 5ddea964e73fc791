"""Every family of the parity harness, by its name: its rows, and how its random configurations are drawn."""

from tests.parity.harness.decoders import Family, Row
from tests.parity.harness.rows import experts, gemma, gpt, hybrid, layer_norm, llama, phi, qwen

FAMILIES: dict[str, Family] = {
    **llama.FAMILIES, **qwen.FAMILIES, **gemma.FAMILIES, **phi.FAMILIES, **layer_norm.FAMILIES, **gpt.FAMILIES,
    **experts.FAMILIES, **hybrid.FAMILIES,
}  # fmt: skip
ROWS: list[Row] = [row for family in FAMILIES.values() for row in family.rows]
EXPERTS: list[Row] = [row for family in experts.FAMILIES.values() for row in family.rows]


def named(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)
