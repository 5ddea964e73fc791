"""The heads of models, a row each: the Auto class that loads one, and what calling the model returns."""

from collections.abc import Callable
from dataclasses import dataclass

from litz import arrays
from litz.models import outputs
from litz.models.results import Results
from litz.spec import PooledHead


@dataclass(frozen=True)
class Head:
    """One kind of result, and how an encoder's is made of one pass; a generating model makes its own."""

    auto_class: str
    output: type[outputs.ModelOutput]
    made_of: Callable[[Results], outputs.ModelOutput] | None = None
    pooled: bool = False  # one vector for each row, and nothing for its tokens


def _hidden_states(results: Results) -> outputs.ModelOutput:
    pooled = results.of_rows() if isinstance(results.spec.head, PooledHead) else None
    return outputs.BaseModelOutputWithPooling(results.last_hidden_state, pooled, results.hidden_states)


def _masked(results: Results) -> outputs.ModelOutput:
    return outputs.MaskedLMOutput(results.of_tokens(), results.hidden_states)


def _sequences(results: Results) -> outputs.ModelOutput:
    return outputs.SequenceClassifierOutput(results.of_rows(), results.hidden_states)


def _tokens(results: Results) -> outputs.ModelOutput:
    return outputs.TokenClassifierOutput(results.of_tokens(), results.hidden_states)


def _answers(results: Results) -> outputs.ModelOutput:
    both = results.of_tokens()
    return outputs.QuestionAnsweringModelOutput(
        arrays.contiguous(both[:, :, 0]), arrays.contiguous(both[:, :, 1]), results.hidden_states
    )


def _choices(results: Results) -> outputs.ModelOutput:
    logits = results.of_rows().reshape(-1, results.choices)
    return outputs.MultipleChoiceModelOutput(logits, results.hidden_states)


HEADS = {
    "language-model": Head("AutoModelForCausalLM", outputs.CausalLMOutput),
    "hidden-states": Head("AutoModel", outputs.BaseModelOutputWithPooling, _hidden_states),
    "masked-language-model": Head("AutoModelForMaskedLM", outputs.MaskedLMOutput, _masked),
    "sequence-classification": Head(
        "AutoModelForSequenceClassification", outputs.SequenceClassifierOutput, _sequences, pooled=True
    ),
    "token-classification": Head("AutoModelForTokenClassification", outputs.TokenClassifierOutput, _tokens),
    "question-answering": Head("AutoModelForQuestionAnswering", outputs.QuestionAnsweringModelOutput, _answers),
    "multiple-choice": Head("AutoModelForMultipleChoice", outputs.MultipleChoiceModelOutput, _choices, pooled=True),
}
