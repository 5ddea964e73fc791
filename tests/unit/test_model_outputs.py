"""What models return: every field by attribute, by name and by place; what was not computed is not there."""

import copy
import dataclasses
import pickle

import pytest

import litz
from litz.models import outputs
from litz.models.heads import HEADS

CLASSES = sorted({head.output for head in HEADS.values()}, key=lambda each: each.__name__)


@pytest.mark.parametrize("made", CLASSES)
def test_a_field_is_an_attribute_a_key_and_an_item(made):
    names = [field.name for field in dataclasses.fields(made)]
    values = [object() for _ in names]
    output = made(*values)
    assert list(output) == list(output.keys()) == names
    assert list(output.values()) == values
    assert dict(output) == dict(output.items()) == dict(zip(names, values, strict=True))
    assert output.to_tuple() == output[:] == tuple(values)
    assert len(output) == len(names)
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        assert getattr(output, name) is output[name] is output[place] is output[place - len(names)] is value


@pytest.mark.parametrize("made", CLASSES)
def test_hidden_states_that_nobody_asked_for_are_none_and_no_item(made):
    needed = [field.name for field in dataclasses.fields(made) if field.default is dataclasses.MISSING]
    output = made(**{name: [name] for name in needed})
    assert output.hidden_states is None
    assert "hidden_states" not in output
    assert output.get("hidden_states") is None
    assert list(output) == needed
    assert output.to_tuple() == tuple([name] for name in needed)
    with pytest.raises(KeyError, match=f"'hidden_states': this output holds {', '.join(needed)}"):
        output["hidden_states"]
    with pytest.raises(IndexError, match=f"{len(needed)}: this output holds"):
        output[len(needed)]


def test_places_count_what_is_there():
    output = outputs.BaseModelOutputWithPooling(last_hidden_state=1, hidden_states=(2, 3))
    assert output[1] == (2, 3)
    assert output[1:] == ((2, 3),)
    assert output[-2] == 1


def test_an_output_is_not_changed_and_is_equal_to_itself_alone():
    np = pytest.importorskip("numpy")
    output = outputs.CausalLMOutput(logits=np.zeros((1, 2, 3), np.float32))
    with pytest.raises(dataclasses.FrozenInstanceError):
        output.logits = None
    with pytest.raises(TypeError):
        output["logits"] = None
    assert output == output
    assert output != outputs.CausalLMOutput(logits=output.logits)
    assert len({output, output}) == 1
    for copied in (copy.copy(output), pickle.loads(pickle.dumps(output))):
        assert (copied.logits == output.logits).all()


def test_the_class_of_every_head_is_public():
    for name, head in HEADS.items():
        assert head.auto_class in litz.__all__
        assert getattr(litz, head.auto_class).head == name
        assert (head.made_of is None) == (name == "language-model")
