//! Evaluates the expressions of a template.

use std::rc::Rc;
use std::sync::Arc;

use crate::chat::builtins::arguments::Call;
use crate::chat::builtins::{attributes, filters, functions, methods, tests};
use crate::chat::failure::{fail, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::syntax::ast::{Arguments, Expr, Node};
use crate::chat::value::operators::{binary, compare, unary};
use crate::chat::value::repr::str_of;
use crate::chat::value::{items, Dict, Missing, Output, Value};

impl Interpreter<'_> {
    pub fn eval(&mut self, node: &Node) -> Outcome<Value> {
        self.budget.step(1)?;
        self.budget.enter().map_err(|failure| failure.at(node.line))?;
        let result = self.expression(&node.expr);
        self.budget.leave();
        result.map_err(|failure| failure.at(node.line))
    }

    fn expression(&mut self, expr: &Expr) -> Outcome<Value> {
        match expr {
            Expr::None => Ok(Value::None),
            Expr::Bool(b) => Ok(Value::Bool(*b)),
            Expr::Int(n) => Ok(Value::Int(*n)),
            Expr::Big(n) => Ok(Value::Big(n.clone())),
            Expr::Float(x) => Ok(Value::Float(*x)),
            Expr::Str(text) => Ok(Value::literal(text.clone())),
            Expr::Name(name) => Ok(self
                .variable(name)
                .or_else(|| functions::named(name))
                .unwrap_or_else(|| Value::Undefined(Rc::new(Missing::Name(name.clone()))))),
            Expr::Tuple(items) => Value::tuple(self.all(items)?),
            Expr::List(items) => Value::list(self.all(items)?),
            Expr::Dict(pairs) => self.dict(pairs),
            Expr::Not(inner) => Ok(Value::Bool(!self.eval(inner)?.truthy())),
            Expr::Negative(inner) => unary(true, &self.eval(inner)?, &self.budget),
            Expr::Positive(inner) => unary(false, &self.eval(inner)?, &self.budget),
            Expr::And(left, right) => {
                let left = self.eval(left)?;
                if left.truthy() {
                    self.eval(right)
                } else {
                    Ok(left)
                }
            }
            Expr::Or(left, right) => {
                let left = self.eval(left)?;
                if left.truthy() {
                    Ok(left)
                } else {
                    self.eval(right)
                }
            }
            Expr::Binary(op, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                binary(op, &left, &right, &self.budget)
            }
            Expr::Concat(parts) => self.concat(parts),
            Expr::Compare(first, rest) => self.comparison(first, rest),
            Expr::Conditional(test, then, otherwise) => self.conditional(test, then, otherwise.as_deref()),
            Expr::Attribute(inner, name) => {
                let inner = self.eval(inner)?;
                self.attribute(&inner, name)
            }
            Expr::Item(inner, key) => self.item(inner, key),
            Expr::Slice(inner, bounds) => self.slice(inner, bounds),
            Expr::Call(callee, arguments) => self.call_expression(callee, arguments),
            Expr::Filter(inner, name, arguments) => match inner {
                Some(inner) => {
                    let value = self.eval(inner)?;
                    self.filter(name, value, arguments)
                }
                None => fail("a filter without a value"),
            },
            Expr::Test(inner, name, arguments) => self.test(inner, name, arguments),
        }
    }

    fn all(&mut self, nodes: &[Node]) -> Outcome<Vec<Value>> {
        self.budget.slots(nodes.len())?;
        nodes.iter().map(|node| self.eval(node)).collect()
    }

    fn dict(&mut self, pairs: &[(Node, Node)]) -> Outcome<Value> {
        self.budget.slots(pairs.len() * 4)?;
        let mut dict = Dict::default();
        for (key, value) in pairs {
            let key = self.eval(key)?;
            dict.insert(key, self.eval(value)?)?;
        }
        Ok(Value::Dict(Rc::new(dict)))
    }

    fn concat(&mut self, parts: &[Node]) -> Outcome<Value> {
        let mut out = Output::default();
        for part in parts {
            let value = self.eval(part)?;
            let text = str_of(&value, &self.budget)?;
            self.budget.allocate(text.cost())?;
            out.text(&text);
        }
        Ok(Value::Str(out.finish(false)))
    }

    fn comparison(&mut self, first: &Node, rest: &[(&'static str, Node)]) -> Outcome<Value> {
        let mut left = self.eval(first)?;
        for (op, node) in rest {
            let right = self.eval(node)?;
            if !compare(op, &left, &right, &self.budget)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn conditional(&mut self, test: &Node, then: &Node, otherwise: Option<&Node>) -> Outcome<Value> {
        if self.eval(test)?.truthy() {
            return self.eval(then);
        }
        match otherwise {
            Some(otherwise) => self.eval(otherwise),
            None => Ok(Value::hint(
                "the inline if-expression evaluated to false and no else section was defined.",
            )),
        }
    }

    fn item(&mut self, inner: &Node, key: &Node) -> Outcome<Value> {
        let inner = self.eval(inner)?;
        let key = self.eval(key)?;
        self.element(&inner, &key)
    }

    fn slice(&mut self, inner: &Node, bounds: &[Option<Box<Node>>; 3]) -> Outcome<Value> {
        let inner = self.eval(inner)?;
        let mut values = [Value::None, Value::None, Value::None];
        for (value, bound) in values.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                *value = self.eval(bound)?;
            }
        }
        items::slice(&inner, values, &self.budget)
    }

    fn call_expression(&mut self, callee: &Node, arguments: &Arguments) -> Outcome<Value> {
        let callee = self.eval(callee)?;
        let call = self.arguments(arguments)?;
        self.call(&callee, call)
    }

    fn test(&mut self, inner: &Node, name: &str, arguments: &Arguments) -> Outcome<Value> {
        let value = self.eval(inner)?;
        let call = self.arguments(arguments)?;
        self.apply_test(name, &value, call).map(Value::Bool)
    }

    fn filter(&mut self, name: &str, value: Value, arguments: &Arguments) -> Outcome<Value> {
        let call = self.arguments(arguments)?;
        self.apply_filter(name, &value, call)
    }

    /// Applies the filters of a filter or set block.
    pub fn filtered(&mut self, node: &Node, value: Value) -> Outcome<Value> {
        let Expr::Filter(inner, name, arguments) = &node.expr else { return fail("expected a filter") };
        let value = match inner {
            Some(inner) => self.filtered(inner, value)?,
            None => value,
        };
        self.filter(name, value, arguments).map_err(|failure| failure.at(node.line))
    }

    pub fn arguments(&mut self, arguments: &Arguments) -> Outcome<Call> {
        let mut call = Call { positional: self.all(&arguments.positional)?, ..Call::default() };
        for (name, node) in &arguments.named {
            call.named.push((name.clone(), self.eval(node)?));
        }
        if let Some(star) = &arguments.star {
            let items = self.eval(star)?.iterate()?;
            self.budget.slots(items.items.len())?;
            call.positional.extend(items.items.iter().cloned());
        }
        if let Some(double_star) = &arguments.double_star {
            let value = self.eval(double_star)?;
            let Value::Dict(dict) = &value else {
                return fail(format!("argument after ** must be a mapping, not {}", value.type_name()));
            };
            for (key, value) in dict.entries() {
                let Value::Str(name) = key else { return fail("keywords must be strings") };
                call.named.push((name.text.clone(), value.clone()));
            }
        }
        Ok(call)
    }

    pub fn apply_filter(&mut self, name: &str, value: &Value, call: Call) -> Outcome<Value> {
        filters::apply(self, name, value, call)
    }

    pub fn apply_test(&mut self, name: &str, value: &Value, call: Call) -> Outcome<bool> {
        tests::apply(self, name, value, call)
    }

    /// `value.name`.
    pub fn attribute(&self, value: &Value, name: &Arc<str>) -> Outcome<Value> {
        attributes::attribute(value, name, &self.budget)
    }

    /// `value[key]`.
    pub fn element(&self, value: &Value, key: &Value) -> Outcome<Value> {
        attributes::item(value, key, &self.budget)
    }

    pub fn call(&mut self, callee: &Value, call: Call) -> Outcome<Value> {
        callee.defined()?;
        match callee {
            Value::Macro(m) => self.call_macro(m, call),
            Value::Method(method) => methods::call(self, &method.0, method.1, call),
            Value::Function(name) => functions::call(self, name, call),
            Value::Loop(state) => self.recurse(state, call),
            Value::Joiner(joiner) => {
                Call { name: "joiner", ..call }.none()?;
                Ok(if joiner.1.replace(true) { Value::Str(joiner.0.clone()) } else { Value::literal("") })
            }
            _ => fail(format!("'{}' object is not callable", callee.type_name())),
        }
    }
}
