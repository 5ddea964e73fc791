"""Completion scripts: one table of the commands' syntax, and a reader of it in each shell's language."""

import shlex
from collections.abc import Iterator, Sequence

from litz.cli.completion.syntax import Form, Value
from litz.hub.known import KNOWN

# Both shells split the line themselves here: `:` separates words in bash, and a model's name may hold one.
_BASH = """\
_litz() {
    local line="${COMP_LINE:0:COMP_POINT}" current before form kind
    local -a words
    COMPREPLY=()
    read -ra words <<< "$line"
    current="${line##*[[:space:]]}"
    [[ -n $current ]] && unset "words[${#words[@]}-1]"
    before="${words[${#words[@]}-1]}"
    [[ $current == --*=* ]] && before="${current%%=*}" && current="${current#*=}"
    form="${words[1]}"
    [[ -n ${words[2]} ]] && _litz_flags "$form ${words[2]}" > /dev/null && form="$form ${words[2]}"
    if (( ${#words[@]} < 2 )); then
        COMPREPLY=($(compgen -W "@COMMANDS@" -- "$current"))
    else
        kind="$(_litz_kind "$form" "$before")"
        if [[ -z $kind && $current == -* ]]; then
            COMPREPLY=($(compgen -W "$(_litz_flags "$form")" -- "$current"))
        else
            _litz_values "${kind:-$(_litz_kind "$form" "")}" "$current"
        fi
    fi
    # readline replaces what follows the last of these in the line, and nothing before it
    if [[ $current == *[:=]* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*[:=]}"}"}")
    fi
}

_litz_matching() {
    local word
    while IFS= read -r word; do
        [[ $word == "$1"* ]] && COMPREPLY+=("$word")
    done
}

_litz_values() {
    case "$1" in
        model)
            _litz_matching "$2" < <(printf '%s\n' @KNOWN@; litz ls --names 2> /dev/null; compgen -f -- "$2")
            [[ $2 == *:* ]] || compopt -o filenames 2> /dev/null
            ;;
        file)
            _litz_matching "$2" < <(compgen -f -- "$2")
            compopt -o filenames 2> /dev/null
            ;;
        "words "*) COMPREPLY=($(compgen -W "${1#words }" -- "$2")) ;;
    esac
}

complete -F _litz litz
"""

_ZSH = """\
_litz() {
    local form="${words[2]}" kind
    [[ -n ${words[3]} ]] && (( CURRENT > 3 )) && _litz_flags "$form ${words[3]}" > /dev/null && form="$form ${words[3]}"
    if (( CURRENT == 2 )); then
        compadd -- @COMMANDS@
        return
    fi
    kind="$(_litz_kind "$form" "${words[CURRENT-1]}")"
    if [[ -z $kind && ${words[CURRENT]} == -* ]]; then
        compadd -- $(_litz_flags "$form")
        return
    fi
    kind="${kind:-$(_litz_kind "$form" "")}"
    case "$kind" in
        model) compadd -- @KNOWN@ $(litz ls --names 2> /dev/null); _files ;;
        file) _files ;;
        "words "*) compadd -- ${=kind#words } ;;
    esac
}

compdef _litz litz
"""


def script(shell: str, forms: Sequence[Form]) -> str:
    """The script for bash, zsh or fish."""
    if shell == "fish":
        return "\n".join(_fish(forms)) + "\n"
    commands = " ".join(form.words[0] for form in forms if len(form.words) == 1)
    body = _BASH if shell == "bash" else _ZSH
    body = body.replace("@COMMANDS@", commands).replace("@KNOWN@", " ".join(row.name for row in KNOWN))
    return f"{_flags(forms)}\n{_kinds(forms)}\n{body}"


def _flags(forms: Sequence[Form]) -> str:
    """The options of a form; the shell function fails for another word."""
    lines = [
        f"        {shlex.quote(' '.join(form.words))}) echo {shlex.quote(' '.join(_spellings(form)))} ;;"
        for form in forms
    ]
    return "\n".join(["_litz_flags() {", '    case "$1" in', *lines, "        *) return 1 ;;", "    esac", "}", ""])


def _kinds(forms: Sequence[Form]) -> str:
    """What follows an option of a form, or where no option takes a value."""
    lines = []
    for form in forms:
        name = " ".join(form.words)
        for flag in form.flags:
            if flag.value.kind != "nothing":
                cases = "|".join(shlex.quote(f"{name}+{spelling}") for spelling in flag.spellings)
                lines.append(f"        {cases}) echo {shlex.quote(_kind(flag.value))} ;;")
        if form.values:
            lines.append(f"        {shlex.quote(f'{name}+')}) echo {shlex.quote(_kind(form.values[0]))} ;;")
    return "\n".join(["_litz_kind() {", '    case "$1+$2" in', *lines, "    esac", "}", ""])


def _kind(value: Value) -> str:
    return " ".join((value.kind, *value.words))


def _spellings(form: Form) -> Iterator[str]:
    return (spelling for flag in form.flags for spelling in flag.spellings)


def _fish(forms: Sequence[Form]) -> Iterator[str]:
    yield "complete -c litz -f"
    for form in forms:
        shown = f"-a {form.words[-1]} -d {_quoted(form.text)}"
        if len(form.words) == 1:
            yield f"complete -c litz -n __fish_use_subcommand {shown}"
        else:
            yield f"complete -c litz -n '{_seen(form.words[:-1])}' {shown}"
    for form in forms:
        when = f"complete -c litz -n '{_seen(form.words)}'"
        for flag in form.flags:
            names = " ".join(
                f"-l {spelling[2:]}" if spelling.startswith("--") else f"-s {spelling[1:]}"
                for spelling in flag.spellings
            )
            yield f"{when} {names} -d {_quoted(flag.text)}{_fish_value(flag.value, required=True)}"
        if form.values and form.values[0].kind != "words":
            found = _fish_value(form.values[0], required=False)
            if found:
                yield f"{when}{found}"


def _seen(words: Sequence[str]) -> str:
    return "; and ".join(f"__fish_seen_subcommand_from {word}" for word in words)


def _fish_value(value: Value, *, required: bool) -> str:
    if value.kind == "nothing":
        return ""
    models = f"{' '.join(row.name for row in KNOWN)} (litz ls --names 2> /dev/null)"
    given = {"model": f" -F -a '{models}'", "file": " -F", "words": f" -a '{' '.join(value.words)}'", "free": ""}
    return (" -r" if required else "") + given[value.kind]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
