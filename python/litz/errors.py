"""Every exception that litz raises on purpose; the text says what was found, what was expected and what to do."""


class LitzError(Exception):
    """The base of all of them."""


class FormatError(LitzError, ValueError):
    """A file is not what it claims to be: truncated, corrupt, or of another kind."""


class ConfigError(LitzError, ValueError):
    """A configuration names something unknown, impossible or contradictory."""


class UnsupportedError(LitzError, NotImplementedError):
    """Valid, but not implemented by litz."""


class ArgumentError(LitzError, ValueError):
    """An argument is out of its range, or would have no effect."""


class UnknownArgumentError(ArgumentError, TypeError):
    """A function has no argument of that name; the text names the nearest one that it has."""


class TemplateError(LitzError, ValueError):
    """A chat template failed to compile or to render; the text names the line."""


class ContextError(LitzError, ValueError):
    """More tokens than the model's context holds."""


class InsufficientMemoryError(LitzError, MemoryError):
    """Something would need more memory than there is."""


class FileAccessError(LitzError, OSError):
    """The operating system refused a file."""


class WeightsError(LitzError, ValueError):
    """Tensors are missing, unexpected or of the wrong shape; the text names each of them."""


class ModelNotFoundError(LitzError, OSError):
    """A model, or a file of it, is neither here nor where it could be fetched from."""


class DownloadError(LitzError, OSError):
    """A download failed; nothing that looks complete was left behind."""


class MissingDependencyError(LitzError, ImportError):
    """An optional package is needed; the text says how to install it."""
