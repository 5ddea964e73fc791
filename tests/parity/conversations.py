"""Conversations and variables that exercise what chat templates read: roles, tools, reasoning, content parts."""

from typing import Any

SYSTEM = {"role": "system", "content": "You are terse. Reply in 中文 or English 🙂."}
USER = {"role": "user", "content": 'Hello, what\'s <b>up</b> & "who" are you?'}
ASSISTANT = {"role": "assistant", "content": "I'm fine.\n\nAnd you?"}
AGAIN = {"role": "user", "content": "  Où est-ce?\t"}
REASONED = {"role": "assistant", "content": "4", "reasoning_content": "2+2 is\n4."}
THOUGHT = {"role": "assistant", "content": "<think>\nLet me see.\n</think>\n\nIt is 4."}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": 'The weather of a place.\nSecond line, "quoted".',
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A city, e.g. Zürich"},
                "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
                "days": {"type": "integer", "minimum": 1, "maximum": 1.5},
                "tags": {"type": "array", "items": {"type": "string"}},
                "at": {
                    "type": "object",
                    "properties": {"lat": {"type": "number"}, "exact": {"type": "boolean", "nullable": True}},
                    "required": ["lat"],
                },
                "any": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "two": {"type": ["string", "null"], "description": ""},
            },
            "required": ["city", "days"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "now", "description": "Time.", "parameters": {}}}
PLAIN = {
    "type": "function",
    "function": {
        "name": "plain",
        "description": "Nothing to say",
        "parameters": {"type": "object", "properties": {}, "required": []},
        "return": {"type": "string"},
    },
}
TOOLS = [WEATHER, PLAIN]

ARGUMENTS = {"city": "Zürich <&>", "days": 2, "exact": True, "none": None, "x": 1.5, "list": [1, "a", {"b": False}]}


def call(arguments: Any, *, name: str = "get_weather", identifier: str | None = "abcdef123") -> dict[str, Any]:
    made: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": arguments}}
    if identifier is not None:
        made["id"] = identifier
    return made


def tool_turn(*calls: dict[str, Any], content: Any = "", results: int | None = None) -> list[dict[str, Any]]:
    turn: list[dict[str, Any]] = [USER, {"role": "assistant", "content": content, "tool_calls": list(calls)}]
    for made in calls[:results]:
        result = {"role": "tool", "content": '{"temp": 21.5, "sky": "klar"}', "name": made["function"]["name"]}
        turn.append(result | ({"tool_call_id": made["id"]} if "id" in made else {}))
    return turn


def parts(text: str, *kinds: str) -> list[dict[str, Any]]:
    return [{"type": kind} for kind in kinds] + [{"type": "text", "text": text}]


_TWO = tool_turn(call(ARGUMENTS), call({}, name="plain", identifier="bcdefg234"))
_ONE = tool_turn(call({"city": "Bern", "days": 1}))

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "user": [USER],
    "system": [SYSTEM, USER],
    "several turns": [SYSTEM, USER, ASSISTANT, AGAIN],
    "ends with assistant": [USER, ASSISTANT, AGAIN, ASSISTANT],
    "no system, several turns": [USER, ASSISTANT, AGAIN],
    "reasoning": [USER, REASONED, AGAIN],
    "reasoning at the end": [USER, REASONED],
    "thoughts in the content": [USER, THOUGHT, AGAIN],
    "thoughts at the end": [SYSTEM, USER, THOUGHT],
    "tool call": [*_ONE],
    "tool call answered": [SYSTEM, *_ONE, ASSISTANT],
    "tool call, then a question": [*_ONE, ASSISTANT, AGAIN],
    "two tool calls": [SYSTEM, *_TWO],
    "two tool calls answered": [*_TWO, ASSISTANT, AGAIN, ASSISTANT],
    "tool call without a result": tool_turn(call(ARGUMENTS), results=0),
    "tool call with content": tool_turn(call({"city": "Bern"}), content="Let me look."),
    "tool call with null content": tool_turn(call({"city": "Bern"}), content=None),
    "tool call with text arguments": tool_turn(call('{"city": "Bern", "days": 1}')),
    "tool call without an id": tool_turn(call({"city": "Bern"}, identifier=None)),
    "tool call with a long id": tool_turn(call({"city": "Bern"}, identifier="call_0123456789")),
    "tool call of no function": [
        USER,
        {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {"a": 1}}]},
    ],
    "tool call with reasoning": [USER, tool_turn(call(ARGUMENTS))[1] | {"reasoning_content": "hm"}, _ONE[2]],
    "tool result of parts": [*_ONE[:2], _ONE[2] | {"content": parts("21 °C")}],
    "tool result of a dict": [*_ONE[:2], _ONE[2] | {"content": {"temp": 21.5, "ok": True, "no": None}}],
    "rounds of tools": [SYSTEM, *_ONE, ASSISTANT, *_TWO, REASONED, *_ONE],
    "empty tool calls": [USER, ASSISTANT | {"tool_calls": []}, AGAIN],
    "null tool calls": [USER, ASSISTANT | {"tool_calls": None}, AGAIN],
    "parts": [{"role": "user", "content": parts("Hé!")}],
    "parts everywhere": [
        {"role": "system", "content": parts("Be kind.")},
        {"role": "user", "content": parts("Look", "image")},
        {"role": "assistant", "content": parts("I see.")},
        {"role": "user", "content": parts("Listen", "audio", "video")},
    ],
    "unknown role": [{"role": "wizard", "content": "Hey"}],
    "developer": [{"role": "developer", "content": "Rules."}, USER],
    "two users": [USER, AGAIN],
    "assistant first": [ASSISTANT, USER],
    "system later": [USER, SYSTEM, AGAIN],
    "two systems": [SYSTEM, SYSTEM, USER],
    "only system": [SYSTEM],
    "nothing": [],
    "empty content": [{"role": "user", "content": ""}],
    "null content": [USER, {"role": "assistant", "content": None}],
    "no content": [USER, {"role": "assistant"}],
    "boolean content": [{"role": "user", "content": True}],
    "number content": [{"role": "user", "content": 1e16}],
    "dict content": [{"role": "user", "content": {"text": "x", "n": 1e-7, "l": [None, True, "it's\u200b"]}}],
    "ipython": [*_ONE[:2], {"role": "ipython", "content": "ok"}],
    "names": [USER | {"name": "Ada"}, ASSISTANT | {"name": "Bot"}, AGAIN],
}

VARIABLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "prompt": {"add_generation_prompt": True},
    "tools": {"tools": TOOLS, "add_generation_prompt": True},
    "odd tools": {"tools": [CLOCK, PLAIN["function"]]},
    "thinking": {"enable_thinking": True, "thinking": True, "add_generation_prompt": True},
    "not thinking": {"enable_thinking": False, "thinking": False, "tools": TOOLS, "add_generation_prompt": True},
    "effort": {
        "reasoning_effort": "high",
        "thinking_budget": 512,
        "builtin_tools": ["browser", "python"],
        "add_generation_prompt": True,
        "model_identity": "You are litz.",
    },
    "documents": {
        "documents": [{"title": "T", "text": "Some text"}, {"title": "Ü", "text": ""}],
        "date_string": "01 Jan 2026",
        "keep_cot": True,
        "preserve_thinking": True,
        "clear_thinking": False,
        "tools_in_user_message": False,
        "custom_tools": TOOLS,
    },
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
