//! The `tojson` filter: Python's `json.dumps`.

use super::budget::Budget;
use super::failure::{fail, Outcome};
use super::operators;
use super::text::float;
use super::value::{Dict, Value};

pub(super) struct Style {
    pub ascii: bool,
    /// What one level of indentation is; without it all stands on one line.
    pub indent: Option<String>,
    pub separators: Option<(String, String)>,
    pub sort_keys: bool,
}

pub(super) fn dumps(value: &Value, style: &Style, budget: &Budget) -> Outcome<String> {
    let separators = match (&style.separators, &style.indent) {
        (Some(pair), _) => pair.clone(),
        (None, Some(_)) => (",".to_string(), ": ".to_string()),
        (None, None) => (", ".to_string(), ": ".to_string()),
    };
    let mut writer = Writer { style, comma: separators.0, colon: separators.1, out: String::new(), budget };
    writer.value(value, 0)?;
    budget.allocate(writer.out.len())?;
    Ok(writer.out)
}

struct Writer<'a> {
    style: &'a Style,
    comma: String,
    colon: String,
    out: String,
    budget: &'a Budget,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Outcome<()> {
        self.budget.step(1)?;
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Int(n) => self.out.push_str(&n.to_string()),
            Value::Float(x) => self.out.push_str(&number(*x)),
            Value::Str(text) => self.string(&text.text),
            Value::List(s) | Value::Tuple(s) => self.array(&s.items, depth)?,
            Value::Dict(dict) => self.object(dict, depth)?,
            _ => return fail(format!("Object of type {} is not JSON serializable", value.type_name())),
        }
        Ok(())
    }

    fn array(&mut self, items: &[Value], depth: usize) -> Outcome<()> {
        if items.is_empty() {
            self.out.push_str("[]");
            return Ok(());
        }
        self.out.push('[');
        for (i, item) in items.iter().enumerate() {
            self.separate(i, depth + 1)?;
            self.value(item, depth + 1)?;
        }
        self.newline(depth)?;
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, dict: &Dict, depth: usize) -> Outcome<()> {
        if dict.entries().is_empty() {
            self.out.push_str("{}");
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
        self.out.push('{');
        for (i, (key, value)) in entries.into_iter().enumerate() {
            self.separate(i, depth + 1)?;
            self.key(key)?;
            self.budget.allocate(self.colon.len())?;
            self.out.push_str(&self.colon);
            self.value(value, depth + 1)?;
        }
        self.newline(depth)?;
        self.out.push('}');
        Ok(())
    }

    fn key(&mut self, key: &Value) -> Outcome<()> {
        let text = match key {
            Value::Str(text) => text.text.to_string(),
            Value::None => "null".into(),
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Float(x) => number(*x),
            _ => {
                let name = key.type_name();
                return fail(format!("keys must be str, int, float, bool or None, not {name}"));
            }
        };
        self.string(&text);
        Ok(())
    }

    fn separate(&mut self, i: usize, depth: usize) -> Outcome<()> {
        if i > 0 {
            self.budget.allocate(self.comma.len())?;
            self.out.push_str(&self.comma);
        }
        self.newline(depth)
    }

    fn newline(&mut self, depth: usize) -> Outcome<()> {
        if let Some(indent) = &self.style.indent {
            self.budget.allocate(indent.len().saturating_mul(depth))?;
            self.out.push('\n');
            self.out.push_str(&indent.repeat(depth));
        }
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x0c' => self.out.push_str("\\f"),
                '\x08' => self.out.push_str("\\b"),
                c if c < ' ' => self.out.push_str(&format!("\\u{:04x}", c as u32)),
                c if self.style.ascii && !(' '..='~').contains(&c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
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
