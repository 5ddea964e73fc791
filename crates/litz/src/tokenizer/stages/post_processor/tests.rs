use super::*;
use crate::tokenizer::encoding::tests::text;
use serde_json::json;

fn of(value: serde_json::Value) -> PostProcessor {
    PostProcessor::from_json(&value, "post_processor").unwrap()
}

fn special(name: &str, type_id: u32) -> serde_json::Value {
    json!({"SpecialToken": {"id": name, "type_id": type_id}})
}

fn sequence(name: &str, type_id: u32) -> serde_json::Value {
    json!({"Sequence": {"id": name, "type_id": type_id}})
}

fn odd_template() -> serde_json::Value {
    json!({
        "type": "TemplateProcessing",
        "single": [special("<s>", 0), sequence("A", 3)],
        "pair": [sequence("B", 1), special("<s>", 2), sequence("A", 0)],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1, 9], "tokens": ["<s>", "<t>"]}},
    })
}

fn two(kind: &str) -> serde_json::Value {
    json!({"type": kind, "cls": ["[CLS]", 101], "sep": ["[SEP]", 102]})
}

fn process(post: &PostProcessor, first: Encoding, second: Option<Encoding>) -> Encoding {
    let name = |id| if id == 1 { Some("<s>") } else { Some("x") };
    post.process(first, second, true, &name).unwrap()
}

#[test]
fn a_template_surrounds_one_sequence_or_two() {
    let template = of(odd_template());
    assert_eq!(template.apply(vec![5], None, true), [1, 9, 5]);
    assert_eq!(template.apply(vec![5], None, false), [5]);
    assert_eq!(template.apply(vec![5], Some(vec![6]), true), [6, 1, 9, 5]);
    assert_eq!(template.apply(vec![5], Some(vec![6]), false), [6, 5]);
    assert_eq!((template.added(false), template.added(true)), (2, 2));
}

#[test]
fn a_template_says_where_each_token_came_from() {
    let whole = process(&of(odd_template()), text(0..2), Some(text(7..8)));
    assert_eq!(whole.ids, [7, 1, 9, 0, 1]);
    assert_eq!(whole.type_ids, [1, 2, 2, 0, 0]);
    assert_eq!(whole.special, [false, true, true, false, false]);
    assert_eq!(whole.sequence_ids(), [Some(1), None, None, Some(0), Some(0)]);
    assert_eq!(whole.words[..3], [Some(3), None, None]);
    assert_eq!(whole.named, [(2, "<t>".into())]);
}

#[test]
fn bert_and_roberta_differ_between_two_sequences() {
    let (bert, roberta) = (of(two("BertProcessing")), of(two("RobertaProcessing")));
    let pair = |post| process(post, text(0..1), Some(text(5..6)));
    assert_eq!(pair(&bert).ids, [101, 0, 102, 5, 102]);
    assert_eq!(pair(&bert).type_ids, [0, 0, 0, 1, 1]);
    assert_eq!(pair(&roberta).ids, [101, 0, 102, 102, 5, 102]);
    assert_eq!(pair(&roberta).type_ids, [0; 6]);
    assert_eq!(pair(&roberta).sequence_ids()[3..], [None, Some(1), None]);
    for post in [&bert, &roberta] {
        assert_eq!(post.apply(vec![0], Some(vec![5]), true), pair(post).ids);
        assert_eq!(post.added(true), pair(post).len() - 2);
    }
}

#[test]
fn overflowing_pieces_are_surrounded_too() {
    let mut first = text(0..1);
    first.overflowing = vec![text(1..2)];
    for post in [of(two("BertProcessing")), of(odd_template())] {
        let whole = process(&post, first.clone(), None);
        assert_eq!(whole.overflowing.len(), 1);
        assert_eq!(whole.overflowing[0].len(), whole.len());
        assert!(whole.overflowing[0].special[0]);
    }
}

#[test]
fn without_a_post_processor_two_sequences_follow_each_other() {
    let post = PostProcessor::default();
    let whole = process(&post, text(0..1), Some(text(5..6)));
    assert_eq!((whole.ids, whole.type_ids), (vec![0, 5], vec![0, 1]));
    assert_eq!(post.apply(vec![0], Some(vec![5]), true), [0, 5]);
}

#[test]
fn trimming_keeps_the_space_that_was_put_before_the_text() {
    for (prefix, expected) in [(true, [(0, 1), (2, 2)]), (false, [(1, 1), (2, 2)])] {
        let post = of(json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true}));
        let name = |_| Some("\u{120}a");
        let whole = post.process(text(0..2), None, true, &name).unwrap();
        assert_eq!(whole.offsets, expected);
    }
}

#[test]
fn what_the_reference_cannot_run_is_refused() {
    let three = json!({"type": "Sequence", "processors": [odd_template(), odd_template()]});
    let second =
        json!({"type": "TemplateProcessing", "single": [sequence("B", 0)], "pair": [], "special_tokens": {}});
    for (value, expected) in [(three, "a template for 3 parts"), (second, "found the sequence B")] {
        let error = PostProcessor::from_json(&value, "post_processor").err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_special_token_without_ids_is_named() {
    let template = json!({
        "type": "TemplateProcessing", "pair": [], "special_tokens": {}, "single": [special("<s>", 0)],
    });
    let error = PostProcessor::from_json(&template, "post_processor").err().unwrap();
    assert!(error.to_string().starts_with("post_processor.special_tokens.<s>: found nothing"), "{error}");
}
