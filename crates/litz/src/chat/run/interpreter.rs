//! Runs the statements of a template.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::chat::budget::Budget;
use crate::chat::builtins::arguments::Call;
use crate::chat::builtins::clock::Clock;
use crate::chat::failure::{fail, Outcome};
use crate::chat::syntax::ast::{Expr, For, MacroDefinition, Node, Statement, StatementKind, Target};
use crate::chat::value::repr::str_of;
use crate::chat::value::{Dict, Loop, Macro, Namespace, Output, Scope, Sequence, Text, Value};

/// What a template rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole prompt.
    pub text: String,
    /// The byte ranges of `text` that `{% generation %}` blocks wrote: what the assistant said.
    pub generation: Vec<Range<usize>>,
    /// The byte ranges of `text` that are trusted, in order: special tokens are recognised only there.
    pub trusted: Vec<Range<usize>>,
}

enum Flow {
    Next,
    Break,
    Continue,
}

/// A loop that `loop(...)` can enter again: itself, its statement, and the scope that it stands in.
type Recursion = (Rc<Loop>, Arc<For>, Rc<Scope>);

pub(crate) struct Interpreter<'a> {
    pub budget: Budget,
    pub now: &'a Clock,
    pub scope: Rc<Scope>,
    variables: HashMap<String, Value>,
    out: Output,
    /// Above zero while output is collected for a macro or block instead of being the result.
    captures: usize,
    generation: Vec<Range<usize>>,
    recursions: Vec<Recursion>,
    // Both can contain themselves: they are cleared at the end, so that nothing leaks.
    scopes: Vec<Rc<Scope>>,
    namespaces: Vec<Rc<Namespace>>,
}

impl Drop for Interpreter<'_> {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            drop(namespace.attributes.take());
        }
        for scope in &self.scopes {
            drop(scope.variables.take());
        }
    }
}

impl<'a> Interpreter<'a> {
    pub fn new(variables: HashMap<String, Value>, now: &'a Clock, budget: Budget) -> Self {
        Self {
            budget,
            now,
            scope: Scope::new(None),
            variables,
            out: Output::default(),
            captures: 0,
            generation: Vec::new(),
            recursions: Vec::new(),
            scopes: Vec::new(),
            namespaces: Vec::new(),
        }
    }

    /// Renders a template.
    pub fn run(mut self, body: &[Statement]) -> Outcome<Rendered> {
        self.block(body)?;
        let (text, trusted) = std::mem::take(&mut self.out).into_parts();
        Ok(Rendered { text, generation: std::mem::take(&mut self.generation), trusted })
    }

    pub fn variable(&self, name: &str) -> Option<Value> {
        self.scope.get(name).or_else(|| self.variables.get(name).cloned())
    }

    pub fn keep_namespace(&mut self, namespace: Rc<Namespace>) -> Value {
        self.namespaces.push(namespace.clone());
        Value::Namespace(namespace)
    }

    fn write(&mut self, text: &Text) -> Outcome<()> {
        self.budget.allocate(text.cost())?;
        self.out.text(text);
        Ok(())
    }

    fn write_data(&mut self, text: &str) -> Outcome<()> {
        self.budget.allocate(text.len())?;
        self.out.push(text, true);
        Ok(())
    }

    /// Runs `work` and returns what it wrote.
    fn captured(&mut self, work: impl FnOnce(&mut Self) -> Outcome<()>) -> Outcome<Value> {
        let outer = std::mem::take(&mut self.out);
        self.captures += 1;
        let result = work(self);
        self.captures -= 1;
        let written = std::mem::replace(&mut self.out, outer);
        result.map(|()| Value::Str(written.finish(false)))
    }

    /// Runs `work` in a scope within `parent`.
    fn scoped<T>(&mut self, parent: Rc<Scope>, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let outer = std::mem::replace(&mut self.scope, Scope::new(Some(parent)));
        let result = work(self);
        self.scope = outer;
        result
    }

    fn block(&mut self, body: &[Statement]) -> Outcome<Flow> {
        self.budget.enter()?;
        let mut flow = Ok(Flow::Next);
        for statement in body {
            flow = self.statement(statement).map_err(|failure| failure.at(statement.line));
            if !matches!(flow, Ok(Flow::Next)) {
                break;
            }
        }
        self.budget.leave();
        flow
    }

    /// A body with its own scope; a break ends it only.
    fn inner(&mut self, body: &[Statement]) -> Outcome<()> {
        self.scoped(self.scope.clone(), |this| this.block(body).map(|_| ()))
    }

    fn statement(&mut self, statement: &Statement) -> Outcome<Flow> {
        self.budget.step(1)?;
        match &statement.kind {
            StatementKind::Data(text) => self.write_data(text)?,
            StatementKind::Output(node) => self.output(node)?,
            StatementKind::For(each) => {
                let outer = self.scope.clone();
                let items = self.eval(&each.iterable)?.iterate()?;
                self.for_loop(each, items, outer, 0)?;
            }
            StatementKind::If(branches, otherwise) => return self.condition(branches, otherwise),
            StatementKind::Set(target, node) => {
                let value = self.eval(node)?;
                self.assign(target, value)?;
            }
            StatementKind::SetBlock(target, filter, body) => self.set_block(target, filter.as_ref(), body)?,
            StatementKind::Macro(definition) => self.define(definition),
            StatementKind::CallBlock(call, definition) => self.call_block(call, definition)?,
            StatementKind::FilterBlock(filter, body) => {
                let value = self.captured(|this| this.inner(body))?;
                let value = self.filtered(filter, value)?;
                let text = str_of(&value, &self.budget)?;
                self.write(&text)?;
            }
            StatementKind::With(values, body) => return self.with(values, body),
            StatementKind::Scope(body) => self.inner(body)?,
            StatementKind::Generation(body) => self.generation(body)?,
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
            StatementKind::NeedsLoader(tag) => {
                return fail(format!("'{tag}' needs other templates; there are none"))
            }
        }
        Ok(Flow::Next)
    }

    fn output(&mut self, node: &Node) -> Outcome<()> {
        let value = self.eval(node)?;
        let text = str_of(&value, &self.budget)?;
        self.write(&text)
    }

    fn condition(&mut self, branches: &[(Node, Vec<Statement>)], otherwise: &[Statement]) -> Outcome<Flow> {
        for (test, body) in branches {
            if self.eval(test)?.truthy() {
                return self.block(body);
            }
        }
        self.block(otherwise)
    }

    fn set_block(&mut self, target: &Target, filter: Option<&Node>, body: &[Statement]) -> Outcome<()> {
        let written = self.captured(|this| this.inner(body))?;
        let value = match filter {
            Some(filter) => self.filtered(filter, written)?,
            None => written,
        };
        self.assign(target, value)
    }

    fn with(&mut self, values: &[(Target, Node)], body: &[Statement]) -> Outcome<Flow> {
        let evaluated = values.iter().map(|(_, node)| self.eval(node)).collect::<Outcome<Vec<_>>>()?;
        self.scoped(self.scope.clone(), |this| {
            for ((target, _), value) in values.iter().zip(evaluated) {
                this.assign(target, value)?;
            }
            this.block(body)
        })
    }

    fn generation(&mut self, body: &[Statement]) -> Outcome<()> {
        let start = self.out.len();
        self.inner(body)?;
        if self.captures == 0 {
            self.generation.push(start..self.out.len());
        }
        Ok(())
    }

    fn assign(&mut self, target: &Target, value: Value) -> Outcome<()> {
        match target {
            Target::Name(name) => self.scope.set(name, value),
            Target::Attribute(object, name) => match self.variable(object) {
                Some(Value::Namespace(namespace)) => {
                    namespace.set(name.clone(), value)?;
                }
                _ => return fail("cannot assign attribute on non-namespace object"),
            },
            Target::Tuple(targets) => {
                value.defined()?;
                let items = value.iterate()?;
                if items.items.len() != targets.len() {
                    let (found, expected) = (items.items.len(), targets.len());
                    return fail(format!("cannot unpack {found} values into {expected} names"));
                }
                for (target, item) in targets.iter().zip(&items.items) {
                    self.assign(target, item.clone())?;
                }
            }
        }
        Ok(())
    }

    /// Renders a loop over `items`, `depth0` levels deep in its own recursion.
    fn for_loop(
        &mut self,
        each: &Arc<For>,
        items: Rc<Sequence>,
        outer: Rc<Scope>,
        depth0: usize,
    ) -> Outcome<()> {
        self.budget.step(items.items.len())?;
        let items = match &each.test {
            Some(test) => self.kept(each, test, &items, &outer)?,
            None => items,
        };
        if items.items.is_empty() {
            return self.scoped(outer, |this| this.block(&each.otherwise).map(|_| ()));
        }
        let state = Rc::new(Loop {
            items: items.clone(),
            index0: 0.into(),
            depth0,
            recursive: each.recursive,
            last_changed: Default::default(),
        });
        if each.recursive {
            self.recursions.push((state.clone(), each.clone(), outer.clone()));
        }
        let result = self.iterations(each, &state, &outer);
        if each.recursive {
            self.recursions.pop();
        }
        result
    }

    fn iterations(&mut self, each: &For, state: &Rc<Loop>, outer: &Rc<Scope>) -> Outcome<()> {
        let name: Arc<str> = "loop".into();
        for (i, item) in state.items.items.iter().enumerate() {
            self.budget.step(1)?;
            state.index0.set(i);
            let flow = self.scoped(outer.clone(), |this| {
                this.scope.set(&name, Value::Loop(state.clone()));
                this.assign(&each.target, item.clone())?;
                this.block(&each.body)
            })?;
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(())
    }

    /// The items that pass a loop's `if`.
    fn kept(
        &mut self,
        each: &For,
        test: &Node,
        items: &Sequence,
        outer: &Rc<Scope>,
    ) -> Outcome<Rc<Sequence>> {
        let mut kept = Vec::new();
        for item in &items.items {
            let passes = self.scoped(outer.clone(), |this| {
                this.assign(&each.target, item.clone())?;
                this.eval(test)
            })?;
            if passes.truthy() {
                kept.push(item.clone());
            }
        }
        Sequence::new(kept)
    }

    /// `loop(items)` in a recursive loop.
    pub fn recurse(&mut self, state: &Rc<Loop>, call: Call) -> Outcome<Value> {
        let items = Call { name: "loop", ..call }.one("iterable")?;
        let known = self.recursions.iter().rev().find(|(l, ..)| Rc::ptr_eq(l, state)).cloned();
        let Some((_, each, outer)) = known.filter(|_| state.recursive) else {
            return fail("The loop must have the 'recursive' marker to be called recursively.");
        };
        let items = items.iterate()?;
        self.budget.enter()?;
        let text = self.captured(|this| this.for_loop(&each, items, outer, state.depth0 + 1));
        self.budget.leave();
        text
    }

    fn define(&mut self, definition: &Arc<MacroDefinition>) {
        let value = self.closure(definition);
        if let Some(name) = &definition.name {
            self.scope.set(name, value);
        }
    }

    fn closure(&mut self, definition: &Arc<MacroDefinition>) -> Value {
        self.scopes.push(self.scope.clone());
        Value::Macro(Rc::new(Macro { definition: definition.clone(), scope: self.scope.clone() }))
    }

    fn call_block(&mut self, call: &Node, definition: &Arc<MacroDefinition>) -> Outcome<()> {
        let Expr::Call(callee, arguments) = &call.expr else { return fail("expected a call after 'call'") };
        let callee = self.eval(callee)?;
        let mut call = self.arguments(arguments)?;
        let caller = self.closure(definition);
        call.named.push(("caller".into(), caller));
        let value = self.call(&callee, call)?;
        let text = str_of(&value, &self.budget)?;
        self.write(&text)
    }

    pub fn call_macro(&mut self, m: &Rc<Macro>, call: Call) -> Outcome<Value> {
        self.budget.enter()?;
        let result = self.captured(|this| {
            this.scoped(m.scope.clone(), |this| {
                this.bind_macro(&m.definition, call)?;
                this.block(&m.definition.body).map(|_| ())
            })
        });
        self.budget.leave();
        result
    }

    /// Puts the arguments of a macro into its scope, in Jinja's order of filling them in.
    fn bind_macro(&mut self, definition: &MacroDefinition, mut call: Call) -> Outcome<()> {
        let name = definition.name.as_deref().unwrap_or("caller");
        let extra = call.positional.split_off(call.positional.len().min(definition.parameters.len()));
        let mut take = |name: &str| {
            let place = call.named.iter().position(|(n, _)| &**n == name)?;
            Some(call.named.remove(place).1)
        };
        let mut filled: Vec<Option<Value>> = call.positional.into_iter().map(Some).collect();
        for parameter in &definition.parameters[filled.len()..] {
            filled.push(take(parameter));
        }
        if definition.takes_caller {
            let caller = take("caller").unwrap_or_else(|| Value::hint("No caller defined"));
            self.scope.set(&"caller".into(), caller);
        }
        if definition.takes_kwargs {
            let mut kwargs = Dict::default();
            for (key, value) in call.named {
                kwargs.insert(Value::str(key), value)?;
            }
            self.scope.set(&"kwargs".into(), Value::Dict(Rc::new(kwargs)));
        } else if let Some((key, _)) = call.named.first() {
            return fail(format!("macro '{name}' takes no keyword argument '{key}'"));
        }
        if definition.takes_varargs {
            self.scope.set(&"varargs".into(), Value::tuple(extra)?);
        } else if !extra.is_empty() {
            let count = definition.parameters.len();
            return fail(format!("macro '{name}' takes not more than {count} argument(s)"));
        }
        self.fill_defaults(definition, filled)
    }

    fn fill_defaults(&mut self, definition: &MacroDefinition, filled: Vec<Option<Value>>) -> Outcome<()> {
        let without = definition.parameters.len() - definition.defaults.len();
        for (i, (parameter, value)) in definition.parameters.iter().zip(filled).enumerate() {
            let value = match value {
                Some(value) => value,
                None if i >= without => self.eval(&definition.defaults[i - without])?,
                None => Value::hint(format!("parameter '{parameter}' was not provided")),
            };
            self.scope.set(parameter, value);
        }
        Ok(())
    }
}
