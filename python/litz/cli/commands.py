"""The commands, a row each: the name, which is that of the module with its `configure` and `run`, and its help."""

COMMANDS = {
    "chat": "talk with a model: litz chat [MODEL] [PROMPT]",
    "generate": "continue a text: litz generate [MODEL] [PROMPT]",
    "pull": "fetch a model into the cache: litz pull [MODEL]",
    "ls": "list the models in the caches, or those with short names: litz ls --known",
    "rm": "delete models from the caches: litz rm MODEL...",
    "default": "show or set the model that is meant where none is named: litz default [MODEL]",
    "info": "describe a model and the memory it needs: litz info [MODEL]",
    "bench": "measure decoding and prompts beside the machine's limits: litz bench [MODEL]",
    "quantize": "write a GGUF file in a smaller type: litz quantize MODEL Q4_K_M -o FILE.gguf",
    "embed": "a vector for each line of a file: litz embed MODEL FILE -o vectors.npy",
    "similar": "the lines of a file that are most like a text: litz similar MODEL QUERY FILE",
    "tokenizer": "look at a tokenizer, encode a corpus, train: litz tokenizer show MODEL TEXT",
    "preset": "what chat --preset takes: litz preset ls|show|path",
    "log": "conversations that were kept: litz log on|list|search|show|rm",
    "env": "versions, CPU, threads, caches and settings",
    "completion": "a script that completes commands, options and models: litz completion bash",
}

# Other programs' names of a command.
OTHER_NAMES = {
    "run": "chat", "complete": "generate", "download": "pull", "list": "ls", "models": "ls", "show": "info",
    "remove": "rm", "delete": "rm", "use": "default", "tokenize": "tokenizer",
    "embeddings": "embed", "search": "similar",
}  # fmt: skip
# Commands of other programs that litz lacks, with the text of the error.
NOT_HERE = {
    "serve": "this release has no server",
    "ps": "nothing keeps running: this release has no server",
    "stop": "nothing keeps running: this release has no server",
    "create": "a preset is a file: litz preset path says where, litz chat --preset NAME takes it",
    "train": "this release trains tokenizers alone: litz tokenizer train",
}
