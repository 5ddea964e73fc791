//! A chat template, rendered with a fixed conversation: no panic, and ranges that lie within the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use litz::chat::{Clock, Data, Template};
use serde_json::json;

const NOW: Clock = Clock { year: 2024, month: 2, day: 29, hour: 13, minute: 5, second: 9, microsecond: 70 };

fuzz_target!(|data: &[u8]| {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let Ok(template) = Template::new(source) else { return };
    let variables = Data::variables(&json!({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hëllo  "}, {"type": "image"}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function",
                "function": {"name": "add", "arguments": {"a": 1, "b": -2.5e-7, "c": [true, {}]}}}]},
            {"role": "tool", "name": "add", "content": "3"},
        ],
        "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
        "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true, "n": 3, "text": "a,b\n c",
    }));
    let Ok(rendered) = template.render(&variables, &[], &NOW) else { return };
    for range in &rendered.generation {
        assert!(rendered.text.get(range.clone()).is_some());
    }
    assert_eq!(template.render(&variables, &[], &NOW).ok(), Some(rendered));
});
