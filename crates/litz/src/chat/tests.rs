//! What a template must render, and what it must not be able to do.

use serde_json::{json, Value};

use super::{Clock, Data, Rendered, Template};
use crate::Error;

const NOON: Clock = Clock { year: 2026, month: 3, day: 5, hour: 12, minute: 4, second: 9, microsecond: 7 };

fn rendered(source: &str, variables: Value) -> crate::Result<Rendered> {
    Template::new(source)?.render(&Data::variables(&variables), &["bos_token", "eos_token"], &NOON)
}

fn text(source: &str, variables: Value) -> String {
    rendered(source, variables)
        .map(|rendered| rendered.text)
        .unwrap_or_else(|error| format!("error: {error}"))
}

fn failure(source: &str) -> (String, Option<usize>) {
    match rendered(source, json!({})) {
        Err(Error::Template { message, line }) => (message, line),
        other => panic!("expected a template error, found {other:?}"),
    }
}

#[test]
fn renders_a_conversation_in_order() {
    let source = "{% for m in messages %}<|{{ m.role }}|>{{ m['content'] | trim }}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
    let messages = json!([{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "你好"}]);
    let out = text(source, json!({"messages": messages, "add_generation_prompt": true}));
    assert_eq!(out, "<|system|>Be brief.\n<|user|>你好\n<|assistant|>");
}

#[test]
fn whitespace_follows_trim_blocks_and_lstrip_blocks() {
    assert_eq!(text("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", json!({})), "a\n  b\nc");
    assert_eq!(text("a  {%- if true -%}  b  {%- endif -%}  c", json!({})), "abc");
    assert_eq!(text(" {%+ if true %}x{% endif +%}\ny", json!({})), " x\ny");
    assert_eq!(text("a\r\nb\n\n", json!({})), "a\nb\n");
    assert_eq!(text("{# gone #}\nx{% raw %}{{ x }}{% endraw %}", json!({})), "x{{ x }}");
}

#[test]
fn values_print_as_python_prints_them() {
    let values = json!({"v": [true, null, 1.0, 1e16, 1.5e-7, "it's", "a\n\u{200b}é", {"k": []}]});
    assert_eq!(
        text("{{ v }}", values),
        r#"[True, None, 1.0, 1e+16, 1.5e-07, "it's", 'a\n\u200bé', {'k': []}]"#
    );
    assert_eq!(text("{{ (1,) }}{{ 7 // -2 }}{{ 7 % -2 }}{{ 1 / 2 }}", json!({})), "(1,)-4-10.5");
}

#[test]
fn tojson_is_pythons_and_keeps_the_order_of_keys() {
    let tool = json!({"tool": {"b": "é<\"", "a": [1, 2.0, null], "e": {}}});
    assert_eq!(text("{{ tool | tojson }}", tool.clone()), r#"{"b": "é<\"", "a": [1, 2.0, null], "e": {}}"#);
    assert_eq!(
        text("{{ tool | tojson(indent=1, sort_keys=true) }}", tool.clone()),
        "{\n \"a\": [\n  1,\n  2.0,\n  null\n ],\n \"b\": \"é<\\\"\",\n \"e\": {}\n}"
    );
    assert_eq!(text("{{ '😀' | tojson(true) }}", tool), r#""\ud83d\ude00""#);
}

#[test]
fn the_methods_of_a_dict_come_before_its_items() {
    let schema = json!({"p": {"items": {"type": "string"}}});
    assert_eq!(text("{% for k, v in p.items() %}{{ k }}{% endfor %}", schema.clone()), "items");
    assert_eq!(
        text("{{ p['items'].type }}{{ p.items is defined }}{{ p.get('x') }}", schema),
        "stringTrueNone"
    );
}

#[test]
fn undefined_prints_nothing_and_has_no_attributes() {
    assert_eq!(text("[{{ x }}{{ x.y if x }}{{ none.z }}]", json!({})), "[]");
    assert_eq!(failure("a\n{{ x.y }}"), ("'x' is undefined".into(), Some(2)));
    assert_eq!(failure("{{ {}.x.y }}"), ("'dict object' has no attribute 'x'".into(), Some(1)));
    assert_eq!(failure("{% for x in none %}{% endfor %}").0, "'NoneType' object is not iterable");
}

#[test]
fn a_templates_own_exception_keeps_its_words_and_line() {
    let (message, line) =
        failure("{% if true %}\n\n{{ raise_exception('Roles must alternate') }}\n{% endif %}");
    assert_eq!((&*message, line), ("Roles must alternate", Some(3)));
}

#[test]
fn generation_blocks_are_found_in_the_output() {
    let source =
        "{% for m in messages %}é{% generation %}{{ m }}{% endgeneration %}\n{% endfor %}{{ messages | length }}";
    let rendered = rendered(source, json!({"messages": ["ü", "b"]})).expect("it renders");
    let spans: Vec<&str> = rendered.generation.iter().map(|range| &rendered.text[range.clone()]).collect();
    assert_eq!((&*rendered.text, spans), ("éüéb2", vec!["ü", "b"]));
}

#[test]
fn the_clock_is_an_argument() {
    assert_eq!(
        text("{{ strftime_now('%d %b %Y, %A %j %U %I:%M %p') }}", json!({})),
        "05 Mar 2026, Thursday 064 09 12:04 PM"
    );
}

#[test]
fn syntax_errors_name_their_line() {
    for (source, line) in [
        ("a\n{% if %}", 2),
        ("{{ 1", 1),
        ("\n\n{% nope %}", 3),
        ("{% for x in y %}\n", 1),
        ("{{ x | nope }}", 1),
        ("{{ 'a }}", 1),
        ("{% break %}", 1),
    ] {
        assert_eq!(failure(source).1, Some(line), "{source}");
    }
}

#[test]
fn an_unknown_filter_in_a_branch_fails_only_when_reached() {
    assert_eq!(text("{% if false %}{{ x | from_json }}{% endif %}ok", json!({})), "ok");
    assert_eq!(
        failure("{% if true %}{{ x | from_json }}{% endif %}").0,
        "No filter named 'from_json' found."
    );
}

#[test]
fn endless_and_huge_templates_fail_in_bounded_work() {
    let hostile = [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}".to_string(),
        "{{ range(10 ** 9) }}".into(),
        "{{ 'a' * 10 ** 9 }}".into(),
        "{{ [0] * 10 ** 9 }}".into(),
        "{{ '%999999999d' % 1 }}".into(),
        "{{ 'a'.center(10 ** 12) }}".into(),
        "{{ 9 ** (9 ** 9) }}".into(),
        "{% set a = 2 ** 65000 %}{% for i in range(99999) %}{{ a // 3 ** 20000 == 1 }}{% endfor %}".into(),
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".into(),
        "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}".into(),
        "{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = [n.x] %}{% endfor %}".into(),
        "{% set n = namespace(x=[]) %}{% for i in range(99) %}{% set n.x = n.x + n.x + [1] %}{% endfor %}".into(),
        "{% set n = namespace(x=[]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}".into(),
        "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}".into(),
        "{% set n = namespace() %}{% set n.x = n %}{{ n }}".into(),
        format!("{{{{ {}1{} }}}}", "(".repeat(9999), ")".repeat(9999)),
        format!("{{{{ {}1 }}}}", "1+".repeat(99999)),
        format!("{{{{ {}1 }}}}", "not ".repeat(99999)),
        format!("{{{{ a{} }}}}", ".b".repeat(99999)),
        format!("{{{{ a{} }}}}", "|e".repeat(99999)),
        format!("{}{}", "{% if 1 %}".repeat(9999), "{% endif %}".repeat(9999)),
        "a".repeat(2 << 20),
    ];
    for source in hostile {
        assert!(rendered(&source, json!({})).is_err(), "{}", &source[..source.len().min(80)]);
    }
}

#[test]
fn values_that_hold_themselves_are_freed() {
    let source = "{% set n = namespace() %}{% set n.x = n %}{% macro f() %}{% endmacro %}{% set n.f = f %}ok";
    assert_eq!(text(source, json!({})), "ok");
}

#[test]
fn there_is_nothing_behind_double_underscores() {
    assert_eq!(
        text("[{{ lipsum.__globals__ }}{{ ''.__class__ }}{{ '{0.__class__}'.format('') }}]", json!({})),
        "[]"
    );
    for source in [
        "{{ lipsum.__globals__['os'].popen('id') }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ [].append(1) }}",
        "{% include 'x' %}",
    ] {
        assert!(rendered(source, json!({})).is_err(), "{source}");
    }
}

#[test]
fn names_are_those_that_the_template_reads() {
    let template = Template::new("{% set a = b %}{{ c.d if enable_thinking }}").expect("it compiles");
    assert_eq!(template.names().collect::<Vec<_>>(), ["b", "c", "enable_thinking"]);
    assert!(!template.has_generation());
}

/// What a template renders, with brackets around what it wrote itself.
fn marked(source: &str, variables: Value) -> String {
    let rendered = rendered(source, variables).expect("it renders");
    let (mut out, mut last) = (String::new(), 0);
    for range in rendered.trusted {
        assert!(last <= range.start && range.start < range.end, "the ranges are in order and not empty");
        out += &format!("{}[{}]", &rendered.text[last..range.start], &rendered.text[range.clone()]);
        last = range.end;
    }
    out + &rendered.text[last..]
}

#[test]
fn what_a_message_says_is_content_and_the_rest_is_the_templates() {
    let source =
        "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ '<end>' }}\n{% endfor %}";
    let messages = json!([{"role": "user", "content": "a"}, {"role": "end><x", "content": ""}]);
    let variables = json!({"messages": messages, "bos_token": "<s>"});
    assert_eq!(marked(source, variables), "[<s><user>]a[<end>\n<]end><x[><end>\n]");
}

#[test]
fn every_way_of_taking_text_apart_and_together_knows_what_is_whose() {
    for (expression, expected) in [
        ("'a' + c + 'b' ~ c ~ 1", "[a]<x>[b]<x>1"),
        ("('[' + c + ']')[1:4] + 'z'", "<x>[z]"),
        ("('12' + c + '34')[::-1]", "[43]>x<[21]"),
        ("('12' + c)[::2] ~ c[0] ~ ('1' + c)[-1]", "[1]<><>"),
        ("('  ' + p + '  ') | trim ~ '|'", "é[|]"),
        ("p.strip() ~ 'a  '.rstrip() ~ 'xax'.strip('x')", "é[aa]"),
        ("'a-b'.replace('-', c) ~ c.replace('x', '-')", "[a]<x>[b]<[-]>"),
        ("'a-b' | replace('-', c) ~ c | replace('<', '')", "[a]<x>[b]x>"),
        ("('l' + c + 'r').split('x') | join('-')", "[l]<[-]>[r]"),
        ("(c + '\\n' + 'k').splitlines() | last", "[k]"),
        ("('l' + c).partition('<')[0] ~ c.rpartition('x')[2]", "[l]>"),
        ("', '.join([c, 'k', c])", "<x>[, k, ]<x>"),
        ("[c, 'k', n] | join('-')", "<x>[-k-]7"),
        ("'a%sb%%' % c ~ '%s' % 'k' ~ '{}-{a}'.format(c, a='k')", "[a]<x>[b%k]<x>[-k]"),
        ("'%s|%s' | format(c, 'k') ~ '%4s' % c", "<x>[|k] <x>"),
        ("'a%sb' % n ~ n ~ true ~ none", "[a]7[b]7TrueNone"),
        ("('k' + c) | upper ~ ('K' + c) | lower ~ 'k' | title", "[K]<X>[k]<x>[K]"),
        ("('k' + c) | capitalize ~ ('k ' + c).title()", "[K]<x>[K ]<X>"),
        ("('a\\n' + c + '\\nb') | indent(1)", "[a]\n <x>\n [b]"),
        ("'a\\nb' | indent(1)", "[a\n b]"),
        ("{'k': c} | tojson ~ {'k': 'v'} | tojson", "{[\"k\"]: \"<x>\"}[{\"k\": \"v\"}]"),
        ("c | tojson ~ 'k' | tojson ~ d | tojson", "\"<x>\"[\"k\"]{\"<k>\": \"<v>\"}"),
        ("('k' + c) | e ~ 'k' | string", "[k]&lt;x&gt;[k]"),
        ("c | default('k') ~ u | default('k') ~ u | default(c)", "<x>[k]<x>"),
        ("[c] ~ ['k'] ~ [c, 'k']", "['<x>'][['k']]['<x>', 'k']"),
        ("d | items | first | join ~ d.keys() | first", "<k><v><k>"),
        ("('ab' | list) | join ~ c | list | join", "[ab]<x>"),
        ("'ab' | reverse ~ c | reverse ~ 'k' * 2 ~ ('k' + c) * 2", "[ba]>x<[kkk]<x>[k]<x>"),
        ("'abc'.removeprefix('a') ~ c.removesuffix('>')", "[bc]<x"),
        ("'k'.center(3) ~ c.ljust(4, '-') ~ 'a b c' | truncate(4, true, '.', 0)", "[ k ]<x>[-a b.]"),
        ("strftime_now('%Y') ~ strftime_now(c)", "[2026]<x>"),
        ("cycler(c, 'k').next() ~ joiner(c)()", "<x>"),
        ("(c.split('x') | map('upper') | join('k')) ~ ['k'] | map('upper') | join", "<[k]>[K]"),
        ("messages[0].role ~ messages[1].role ~ messages[0].name", "[user]<r><n>"),
        ("bos_token ~ (bos_token, c) | join", "[<s><s>]<x>"),
    ] {
        let variables = json!({
            "c": "<x>", "n": 7, "p": " é ", "d": {"<k>": "<v>"}, "bos_token": "<s>",
            "messages": [{"role": "user", "name": "<n>"}, {"role": "<r>"}],
        });
        let found = marked(&format!("{{{{ {expression} }}}}"), variables);
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn blocks_macros_and_loops_keep_what_is_whose() {
    for (source, expected) in [
        ("{% set x %}a{{ c }}b{% endset %}{{ x }}", "[a]<x>[b]"),
        ("{% set x | upper %}a{{ c }}{% endset %}{{ x }}", "[A]<X>"),
        ("{% macro m(v) %}<{{ v }}>{{ caller() }}{% endmacro %}{% call m(c) %}k{{ c }}{% endcall %}", "[<]<x>[>k]<x>"),
        ("{% filter upper %}a{{ c }}{% endfilter %}", "[A]<X>"),
        ("{% set n = namespace(x='a') %}{% for k in c %}{% set n.x = n.x + k + '-' %}{% endfor %}{{ n.x }}", "[a]<[-]x[-]>[-]"),
        ("{% for k in ('k' + c) %}{{ loop.cycle('a', k) }}{% endfor %}", "[a]<[a]>"),
        ("{% for x in [c, ['k']] recursive %}{{ x if x is string else loop(x) }}{% endfor %}", "<x>[k]"),
        ("{% with x = c, y = 'k' %}{{ x }}{{ y }}{% endwith %}", "<x>[k]"),
        ("{% macro m() %}{{ kwargs }}{{ varargs | join }}{% endmacro %}{{ m('k', c, a='k') }}", "{'a': 'k'}[k]<x>"),
        ("{% generation %}{{ c }}k{% endgeneration %}", "<x>[k]"),
    ] {
        assert_eq!(marked(source, json!({"c": "<x>"})), expected, "{source}");
    }
}

#[test]
fn content_cannot_choose_what_is_left_of_the_templates_text() {
    for expression in [
        "'<|iXm|>'.replace(c, '')",
        "'<|iXm|>' | replace(c, '')",
        "'<|iXm|>'.split(c) | join",
        "'<|iXm|>'.partition(c) | first",
        "c.format('k')",
        "(c ~ '%s') % 'k'",
        "dict(d) | tojson",
    ] {
        let found = marked(&format!("{{{{ {expression} }}}}"), json!({"c": "X", "d": {"k": "v"}}));
        assert!(!found.contains('['), "{expression}: {found}");
    }
}
