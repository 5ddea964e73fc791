"""The errors of `litz.X` and `from litz import X` for missing names, with the nearest name or an alternative."""

import re
import sys

import litz
from litz.nearest import nearest

_NO_TRAINING = "litz does not train models: train with transformers, and load the folder that it saves"
_NO_ADAPTERS = "adapters are not supported: merge them into the model first, and load the merged folder"
_NO_QUANTIZING = (
    "litz does not quantise while it loads: load a GGUF file, whose weights are quantised (`litz quantize` writes one)"
)
_TEXT_ONLY = "litz has models of text alone: AutoModelForCausalLM, AutoModel and its heads, AutoTokenizer, pipeline"
_BY_PARAMETERS = "every token is chosen in Rust: pass the parameter to generate, such as temperature, top_k or top_p"
_HUGGING_FACE = "it belongs to another package than transformers: import it from there"

# Names of transformers and of what people use beside it, as patterns, and what to do instead; the first match counts.
_ELSEWHERE: tuple[tuple[str, str], ...] = (
    (r"(\w*)Trainer|\w*TrainingArguments|\w*TrainerCallback|EarlyStoppingCallback|DataCollator\w*|\w*DataCollator"
     r"|default_data_collator|AdamW|Adafactor|get_\w*schedule\w*|HfArgumentParser", _NO_TRAINING),
    (r"Lora\w*|Peft\w*|get_peft_model|PromptTuningConfig|PrefixTuningConfig", _NO_ADAPTERS),
    (r"BitsAndBytesConfig|(GPTQ|Awq|Aqlm|Quanto|TorchAo|Hqq|Eetq|Fbgemm\w*|FineGrained\w*|FPQuant|Mxfp4|Higgs|Spqr|Vptq"
     r"|BitNet\w*|CompressedTensors)Config|\w*Quant(ization|izer)\w*", _NO_QUANTIZING),
    (r"(TF|Flax)Auto\w+", "litz has its own engine, without TensorFlow and JAX: AutoModelForCausalLM"),
    (r"AutoModelForPreTraining|AutoModelWithLMHead", "AutoModelForCausalLM and AutoModelForMaskedLM give logits"),
    (r"AutoModelFor\w+|Auto(Processor|FeatureExtractor|ImageProcessor|VideoProcessor|Backbone)|\w+Processor"
     r"|\w+ImageProcessor(Fast)?|\w+FeatureExtractor", _TEXT_ONLY),
    (r"\w+For(CausalLM|ConditionalGeneration)|\w+LMHeadModel|GenerationMixin",
     "one class loads every family, which it finds in the files: AutoModelForCausalLM"),
    (r"\w+For(MaskedLM|SequenceClassification|TokenClassification|QuestionAnswering|MultipleChoice)",
     "one class loads every family, which it finds in the files: AutoModelFor… of the same name"),
    (r"\w+For[A-Z]\w+", _TEXT_ONLY),
    (r"PreTrainedModel|\w+Model", "one class loads every family: AutoModel for hidden states, AutoModelForCausalLM"),
    (r"\w+Tokenizer(Fast)?", "AutoTokenizer reads every kind of vocabulary, and Tokenizer is the class of all"),
    (r"(Watermarking|Compile|ContinuousBatching|Cache)\w*Config", "it has no effect here: leave it out"),
    (r"PretrainedConfig|PreTrainedConfig|\w+Config",
     "AutoConfig.from_pretrained reads the configuration of every family, and Config is the class of all"),
    (r"(Dynamic|Static|Quantized|Offloaded\w*|Sliding\w*|Hybrid\w*|EncoderDecoder)?Cache",
     "generate() caches by itself; from_pretrained(cache_dtype=...) chooses how"),
    (r"\w+Logits(Warper|Processor)", _BY_PARAMETERS),
    (r"\w+Criteria", "see the parameters max_new_tokens, max_time, stop_strings and eos_token_id of generate"),
    (r"(Text2Text\w*|TextClassification|FillMask|QuestionAnswering|TokenClassification|Summarization|Translation"
     r"|FeatureExtraction|\w*Image\w*|\w*Audio\w*|\w*Speech\w*)Pipeline|Conversation", _TEXT_ONLY),
    (r"\w*Pipeline", 'pipeline("text-generation", ...) makes one, of class litz.pipelines.TextGenerationPipeline'),
    (r"BaseStreamer", "it is litz.generation.BaseStreamer"),
    (r"get_json_schema", "it is litz.tokenizers.get_json_schema"),
    (r"logging", 'use logging.getLogger("litz") of the standard library, or set LITZ_LOG=info for the command'),
    (r"is_\w+_available", "litz needs neither numpy nor torch: try the import instead"),
    (r"load_dataset|Dataset|Accelerator|InferenceClient|snapshot_download|hf_hub_download|login", _HUGGING_FACE),
)  # fmt: skip


def refusal(name: str) -> Exception:
    """The error for a name that litz lacks: ImportError in an import statement, else AttributeError.

    An import statement replaces the text of an AttributeError by its own; the ImportError has the same text.
    """
    if not _is_imported():
        # Without a name, a traceback adds no suggestion of its own after this one.
        return AttributeError(f"module 'litz' has no attribute {name!r}: {instead(name)}", obj=litz)
    return ImportError(f"cannot import name {name!r} from 'litz': {instead(name)}", name="litz", path=litz.__file__)


def instead(name: str) -> str:
    """What to do without the name."""
    near = nearest(name, litz.__all__, cutoff=0.85)
    if near and not name.startswith(("TF", "Flax")):
        return f"did you mean {near}?"
    for pattern, advice in _ELSEWHERE:
        if re.fullmatch(pattern, name):
            return f"this release does not have it; {advice}"
    near = nearest(name, litz.__all__)
    return f"did you mean {near}?" if near else f"it has {', '.join(sorted(litz.__all__, key=str.lower))}"


def _is_imported() -> bool:
    """Whether the caller is `from litz import name`, through a function of the import system."""
    frame = sys._getframe(3)  # this function, refusal and litz.__getattr__ lie between
    return frame.f_code.co_name == "_handle_fromlist" and frame.f_globals.get("__name__") == "importlib._bootstrap"
