//! Jinja's own objects, ranges, and the scopes of variables.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::containers::Sequence;
use super::Value;
use crate::chat::failure::{fail, Outcome};
use crate::chat::syntax::ast::MacroDefinition;

pub(crate) struct RangeObject {
    pub start: i128,
    pub stop: i128,
    pub step: i128,
}

pub(crate) struct Namespace {
    pub attributes: RefCell<Vec<(Arc<str>, Value)>>,
}

pub(crate) struct Macro {
    pub definition: Arc<MacroDefinition>,
    pub scope: Rc<Scope>,
}

/// The `loop` variable.
pub(crate) struct Loop {
    pub items: Rc<Sequence>,
    pub index0: Cell<usize>,
    pub depth0: usize,
    /// Set in a recursive loop: which statement renders a deeper level.
    pub recursive: bool,
    pub last_changed: RefCell<Option<Vec<Value>>>,
}

pub(crate) struct Cycler {
    pub items: Rc<Sequence>,
    pub position: Cell<usize>,
}

/// The variables of one block, and the block around it.
pub(crate) struct Scope {
    pub variables: RefCell<Vec<(Arc<str>, Value)>>,
    pub parent: Option<Rc<Scope>>,
}

impl RangeObject {
    pub fn len(&self) -> usize {
        let span = if self.step > 0 { self.stop - self.start } else { self.start - self.stop };
        let step = self.step.abs();
        usize::try_from(((span + step - 1) / step).max(0)).unwrap_or(usize::MAX)
    }

    pub fn item(&self, i: usize) -> Value {
        Value::Int(self.start + self.step * i as i128)
    }
}

impl Namespace {
    /// Fails for a name that Jinja reserves.
    pub fn new(attributes: Vec<(Arc<str>, Value)>) -> Outcome<Self> {
        attributes.iter().try_for_each(|(name, _)| Self::check(name))?;
        Ok(Self { attributes: attributes.into() })
    }

    fn check(name: &str) -> Outcome<()> {
        match name.starts_with('_') {
            true => fail(format!(
                "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{name}'."
            )),
            false => Ok(()),
        }
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.attributes.borrow().iter().find(|(n, _)| &**n == name).map(|(_, value)| value.clone())
    }

    pub fn set(&self, name: Arc<str>, value: Value) -> Outcome<()> {
        Self::check(&name)?;
        let mut attributes = self.attributes.borrow_mut();
        match attributes.iter_mut().find(|(n, _)| *n == name) {
            Some((_, slot)) => *slot = value,
            None => attributes.push((name, value)),
        }
        Ok(())
    }
}

impl Scope {
    pub fn new(parent: Option<Rc<Scope>>) -> Rc<Self> {
        Rc::new(Self { variables: RefCell::default(), parent })
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some((_, value)) = scope.variables.borrow().iter().find(|(n, _)| &**n == name) {
                return Some(value.clone());
            }
            scope = scope.parent.as_deref()?;
        }
    }

    pub fn set(&self, name: &Arc<str>, value: Value) {
        let mut variables = self.variables.borrow_mut();
        match variables.iter_mut().find(|(n, _)| n == name) {
            Some((_, slot)) => *slot = value,
            None => variables.push((name.clone(), value)),
        }
    }
}
