"""Warnings that a tokenizer gives once."""


class WarnOnce:
    """Logs the first warning of each kind."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def __call__(self, kind: str, text: str) -> None:
        """Logs `text`, unless a warning of this kind was logged before."""
        if kind not in self._given:
            self._given.add(kind)
            import logging  # takes time, and most programs never need it

            logging.getLogger("litz.tokenizers").warning("%s", text)
