//! The `tojson` filter: Python's `json.dumps`.

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Outcome};
use crate::chat::value::repr::{float, str_of};
use crate::chat::value::{operators, Dict, Output, Text, Value};

pub(crate) struct JsonStyle {
    pub ascii: bool,
    /// One level of indentation; without it everything is on one line.
    pub indent: Option<String>,
    pub separators: Option<(String, String)>,
    pub sort_keys: bool,
    /// Whether the template itself wrote the indentation and the separators.
    pub trusted: bool,
}

pub(crate) fn dumps(value: &Value, style: &JsonStyle, budget: &Budget) -> Outcome<Text> {
    let separators = match (&style.separators, &style.indent) {
        (Some(pair), _) => pair.clone(),
        (None, Some(_)) => (",".to_string(), ": ".to_string()),
        (None, None) => (", ".to_string(), ": ".to_string()),
    };
    let mut writer = JsonWriter {
        style,
        comma: separators.0,
        colon: separators.1,
        out: Output::default(),
        whole: style.trusted,
        budget,
    };
    writer.value(value, 0)?;
    let text = match writer.whole {
        true => Text::trusted(writer.out.into_parts().0),
        false => writer.out.finish(false),
    };
    budget.allocate(text.cost())?;
    Ok(text)
}

struct JsonWriter<'a> {
    style: &'a JsonStyle,
    comma: String,
    colon: String,
    out: Output,
    /// Whether all of it is trusted.
    whole: bool,
    budget: &'a Budget,
}

impl JsonWriter<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Outcome<()> {
        self.budget.step(1)?;
        match value {
            Value::None => self.content("null"),
            Value::Bool(b) => self.content(if *b { "true" } else { "false" }),
            Value::Int(_) | Value::Big(_) => self.content(&str_of(value, self.budget)?.text),
            Value::Float(x) => self.content(&number(*x)),
            Value::Str(text) => self.string(text),
            Value::List(s) | Value::Tuple(s) => self.array(&s.items, depth)?,
            Value::Dict(dict) => self.object(dict, depth)?,
            _ => return fail(format!("Object of type {} is not JSON serializable", value.type_name())),
        }
        Ok(())
    }

    fn array(&mut self, items: &[Value], depth: usize) -> Outcome<()> {
        if items.is_empty() {
            self.structure("[]");
            return Ok(());
        }
        self.structure("[");
        for (i, item) in items.iter().enumerate() {
            self.separate(i, depth + 1)?;
            self.value(item, depth + 1)?;
        }
        self.newline(depth)?;
        self.structure("]");
        Ok(())
    }

    fn object(&mut self, dict: &Dict, depth: usize) -> Outcome<()> {
        if dict.entries().is_empty() {
            self.structure("{}");
            return Ok(());
        }
        let mut entries: Vec<&(Value, Value)> = dict.entries().iter().collect();
        if self.style.sort_keys {
            for pair in entries.windows(2) {
                operators::order("<", &pair[0].0, &pair[1].0)?;
            }
            entries.sort_by(|a, b| {
                operators::order("<", &a.0, &b.0).ok().flatten().unwrap_or(std::cmp::Ordering::Equal)
            });
        }
        self.structure("{");
        for (i, (key, value)) in entries.into_iter().enumerate() {
            self.separate(i, depth + 1)?;
            self.key(key)?;
            self.budget.allocate(self.colon.len())?;
            self.out.push(&self.colon, false);
            self.value(value, depth + 1)?;
        }
        self.newline(depth)?;
        self.structure("}");
        Ok(())
    }

    fn key(&mut self, key: &Value) -> Outcome<()> {
        let text = match key {
            Value::Str(text) => {
                self.string(text);
                return Ok(());
            }
            Value::None => "null".into(),
            Value::Bool(b) => b.to_string(),
            Value::Int(_) | Value::Big(_) => str_of(key, self.budget)?.text.to_string(),
            Value::Float(x) => number(*x),
            _ => {
                let name = key.type_name();
                return fail(format!("keys must be str, int, float, bool or None, not {name}"));
            }
        };
        self.string(&Text::untrusted(text));
        Ok(())
    }

    fn separate(&mut self, i: usize, depth: usize) -> Outcome<()> {
        if i > 0 {
            self.budget.allocate(self.comma.len())?;
            self.out.push(&self.comma, false);
        }
        self.newline(depth)
    }

    fn newline(&mut self, depth: usize) -> Outcome<()> {
        if let Some(indent) = &self.style.indent {
            self.budget.allocate(indent.len().saturating_mul(depth))?;
            self.structure("\n");
            self.structure(&indent.repeat(depth));
        }
        Ok(())
    }

    /// Brackets and separators: trusted only where all values are.
    fn structure(&mut self, text: &str) {
        self.out.push(text, false);
    }

    fn content(&mut self, text: &str) {
        self.whole = false;
        self.out.push(text, false);
    }

    /// A text in quotes; quotes and escapes have its origin.
    fn string(&mut self, text: &Text) {
        let whole = text.is_trusted();
        self.whole &= whole;
        self.out.push("\"", whole);
        for (range, trusted) in text.stretches(0..text.text.len()) {
            let ascii = self.style.ascii;
            self.out.write(trusted, |out| escape(&text.text[range], ascii, out));
        }
        self.out.push("\"", whole);
    }
}

/// Appends a text as it stands between quotes.
fn escape(text: &str, ascii: bool, out: &mut String) {
    let quoted = serde_json::Value::from(text).to_string();
    for c in quoted[1..quoted.len() - 1].chars() {
        match c {
            c if ascii && !(' '..='~').contains(&c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
}

fn number(x: f64) -> String {
    match x {
        x if x.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        x => float(x),
    }
}
