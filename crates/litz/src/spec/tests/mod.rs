//! What no model has is refused, in these words.

pub(crate) mod example;
mod feed_forwards;
mod heads;
mod layers;
mod mixers;
mod positions;
mod towers;

use serde_json::Value;

use super::Spec;

/// What the message says, and the change of the example, as JSON or as a Spec, that it is about.
type Case<'a, T = Value> = (&'a str, &'a dyn Fn(&mut T));

/// The message for an example with this change; empty if nothing is wrong.
fn message(change: &dyn Fn(&mut Value)) -> String {
    let mut spec = example::example();
    change(&mut spec);
    Spec::from_json(&spec.to_string()).map_or_else(|error| error.to_string(), |_| String::new())
}

fn refused(cases: &[Case<'_>]) {
    for (text, change) in cases {
        let found = message(change);
        assert!(found.contains(text), "expected {text:?}, found {found:?}");
    }
}

fn accepted(change: &dyn Fn(&mut Value)) {
    assert_eq!(message(change), "");
}

/// The same for what JSON cannot say, but a program that makes a Spec can.
fn refused_specs(cases: &[Case<'_, Spec>]) {
    for (text, change) in cases {
        let mut spec = Spec::from_json(&example::example().to_string()).unwrap();
        change(&mut spec);
        let found = spec.check().unwrap_err().to_string();
        assert!(found.contains(text), "expected {text:?}, found {found:?}");
    }
}
