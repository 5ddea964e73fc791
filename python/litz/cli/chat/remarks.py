"""One line about an answer that was cut off, and what to do."""

from litz.cli.engine import Engine


def ending(engine: Engine, *, talking: bool, watched: bool) -> str | None:
    """Why the last answer ended and what to do, or None; `talking`: in a conversation, where /commands exist."""
    stats = engine.stats
    if stats.finish == "context":
        return f"(cut: the context of {engine.context} tokens is full)"
    if stats.finish == "length" and watched:
        return f"(cut after {stats.answer} tokens: max_new_tokens)"
    if stats.finish == "cap":
        if talking:
            return f'(cut after {stats.answer} tokens: say "go on", or /set max_new_tokens N for longer answers)'
        return (
            f"(cut after {stats.answer} tokens: --max-new-tokens N allows more; in a conversation, which "
            f'`litz chat` begins, "go on" is possible)'
        )
    if stats.finish == "loop":
        return f"(stopped: the answer only repeated itself; {_otherwise(engine, talking=talking)}, or a larger model)"
    return None


def _otherwise(engine: Engine, *, talking: bool) -> str:
    """Advice against a loop that was not followed yet."""
    if not talking and engine.parameters.get("do_sample") is False:
        return "try without --greedy"
    name, value = ("repetition_penalty", "1.1") if engine.samples() else ("temperature", "0.7")
    return f"try /set {name} {value}" if talking else f"try --{name.replace('_', '-')} {value}"
