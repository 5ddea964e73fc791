"""The heads of models, a row each: the Auto class that loads one, and what calling the model returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litz.models import native, outputs


@dataclass(frozen=True)
class Head:
    """One kind of result. Where `load`, which makes a model of a checkpoint, is None, no executor computes it yet."""

    auto_class: str
    output: type[outputs.ModelOutput]
    load: Callable[..., Any] | None = None


HEADS = {
    "language-model": Head("AutoModelForCausalLM", outputs.CausalLMOutput, native.load),
    "hidden-states": Head("AutoModel", outputs.BaseModelOutputWithPooling),
    "masked-language-model": Head("AutoModelForMaskedLM", outputs.MaskedLMOutput),
    "sequence-classification": Head("AutoModelForSequenceClassification", outputs.SequenceClassifierOutput),
    "token-classification": Head("AutoModelForTokenClassification", outputs.TokenClassifierOutput),
    "question-answering": Head("AutoModelForQuestionAnswering", outputs.QuestionAnsweringModelOutput),
    "multiple-choice": Head("AutoModelForMultipleChoice", outputs.MultipleChoiceModelOutput),
}
