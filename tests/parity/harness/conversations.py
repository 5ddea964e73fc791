"""Conversations and variables that together reach most branches of the chat templates in use."""

from typing import Any

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": 'Get the "weather" <now> & é',
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city"},
                "days": {"type": "integer", "enum": [1, 2, 3], "nullable": True},
                "units": {"type": ["string", "null"]},
                "spans": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"a": {"type": "number", "default": 1.5e-7}}},
                },
            },
            "required": ["city"],
        },
        "return": {"type": "string", "description": "weather"},
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Time\nnow",
        "parameters": {"type": "object", "properties": {}},
    },
}
TOOLS = [WEATHER, TIME]


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def system(content: Any) -> dict[str, Any]:
    return {"role": "system", "content": content}


def call(name: str, arguments: Any, id: str = "123456789") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content: Any, id: str = "123456789", name: str = "get_weather") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "name": name, "content": content}


ARGUMENTS = {"city": "Paris", "days": 2, "x": None, "f": 1.0, "b": True, "l": [1, "a", {"k": "v"}]}
PARTS = [{"type": "text", "text": "Look: "}, {"type": "text", "text": "now"}]
REASON = {"reasoning_content": "think hard\n", "thinking": "think hard\n"}

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "plain": [user("Hello, world!")],
    "unicode": [user("你好 👋🏽 <|im_end|> 'quote' \"dq\" \\ back\tTab e\u0301 \u200b\n\nnew")],
    "spaces": [user("  lead and trail \n\n")],
    "system": [system("Be brief."), user("Hi")],
    "turns": [system(" sys "), user("1+1?"), assistant("2"), user("2+2?"), assistant("4\n"), user("bye")],
    "ends with the assistant": [user("Hi"), assistant("Hello there")],
    "two users": [user("a"), user("b")],
    "begins with the assistant": [assistant("Hi"), user("b")],
    "parts": [user(PARTS)],
    "image": [user([{"type": "image"}, {"type": "text", "text": "what?"}])],
    "image url": [user([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "what?"}])],
    "parts everywhere": [system(PARTS), user(PARTS), assistant(PARTS), user("x")],
    "tool call": [
        user("Weather?"),
        assistant("", tool_calls=[call("get_weather", ARGUMENTS)]),
        result('{"t": 20}'),
        assistant("20 deg"),
        user("thx"),
    ],
    "two calls, no content": [
        user("Weather?"),
        {"role": "assistant", "tool_calls": [call("get_weather", {"city": "P"}), call("get_time", {}, "2cd345678")]},
        result("20"),
        result("noon", "2cd345678", "get_time"),
    ],
    "content none": [user("Weather?"), assistant(None, tool_calls=[call("get_time", {})]), result("20")],
    "arguments as text": [
        user("Weather?"),
        assistant("", tool_calls=[call("get_weather", '{"city": "P"}')]),
        result({"t": 20, "u": "C"}),
    ],
    "call with text": [
        user("Weather?"),
        assistant("Let me see", tool_calls=[call("get_weather", {"city": "P"})]),
        result([{"type": "text", "text": "20"}]),
        user("and?"),
    ],
    "reasoning": [user("q"), assistant("ans", **REASON), user("q2"), assistant("x", **REASON), user("q3")],
    "reasoning in tags": [user("q"), assistant("<think>\nhmm\n</think>\n\nans"), user("q2")],
    "reasoning and call": [
        user("q"),
        assistant("", tool_calls=[call("get_weather", {"city": "P"})], **REASON),
        result("20"),
        assistant("fin", **REASON),
    ],
    "developer": [{"role": "developer", "content": "Dev"}, user("x")],
    "unknown role": [user("x"), {"role": "narrator", "content": "y"}],
    "nothing": [],
    "no content": [{"role": "user"}],
    "none": [user(None)],
    "number": [user(5)],
    "empty": [system(""), user(""), assistant("")],
    "odd call": [user("x"), assistant("", tool_calls=[{"name": "f", "arguments": {"a": 1}}])],
    "empty calls": [user("x"), assistant("y", tool_calls=[]), user("z")],
}

_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
_NONE = {**_TOKENS, "tools": None, "documents": None, "add_generation_prompt": True}

VARIABLES: dict[str, dict[str, Any]] = {
    "prompt": _NONE,
    "no prompt": {**_NONE, "add_generation_prompt": False},
    "tools": {**_NONE, "tools": TOOLS},
    "no tools": {**_NONE, "tools": [], "add_generation_prompt": False},
    "not thinking": {**_NONE, "enable_thinking": False},
    "thinking": {**_NONE, "tools": TOOLS, "enable_thinking": True, "thinking": True, "reasoning_effort": "high"},
    "documents": {
        **_NONE,
        "documents": [{"title": "T", "text": "Body", "id": "1"}],
        "date_string": "1 Jan 2025",
        "builtin_tools": ["search"],
    },
}
