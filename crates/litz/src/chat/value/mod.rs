//! The values of a template: Python's as far as Jinja's sandbox shows them; no Python object is behind them.

pub(crate) mod case_tables;
pub(crate) mod characters;
pub(crate) mod data;
pub(crate) mod format;
pub(crate) mod inputs;
pub(crate) mod integers;
pub(crate) mod items;
pub(crate) mod json;
pub(crate) mod operators;
pub(crate) mod parse;
pub(crate) mod repr;
pub(crate) mod strings;
pub(crate) mod text;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use num_bigint::BigInt;

use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::syntax::ast::MacroDefinition;
use crate::chat::value::text::Text;

/// Containers nested deeper than this are refused, so that recursion over a value cannot exhaust the stack.
const MAX_DEPTH: u16 = 200;

/// A tuple of more values than this cannot be a key.
const MAX_KEY_VALUES: usize = 1000;

#[derive(Clone)]
pub(crate) enum Value {
    Undefined(Rc<Missing>),
    None,
    Bool(bool),
    Int(i128),
    /// A whole number that the smaller kind does not hold.
    Big(Arc<BigInt>),
    Float(f64),
    Str(Text),
    List(Rc<Sequence>),
    Tuple(Rc<Sequence>),
    Dict(Rc<Dict>),
    View(ViewKind, Rc<Sequence>),
    Range(Rc<Range>),
    /// The result of `map`, `select` and their like: it can be iterated once, and has no length.
    Generator(Rc<RefCell<Option<Rc<Sequence>>>>),
    Namespace(Rc<Namespace>),
    Macro(Rc<Macro>),
    Loop(Rc<Loop>),
    Cycler(Rc<Cycler>),
    Joiner(Rc<(Text, Cell<bool>)>),
    Method(Rc<(Value, &'static str)>),
    Function(&'static str),
}

/// Why a value is undefined; the message is only built when it is used.
pub(crate) enum Missing {
    Name(Arc<str>),
    Attribute(&'static str, Arc<str>),
    Element(&'static str, String),
    Hint(String),
}

pub(crate) struct Sequence {
    pub items: Vec<Value>,
    /// The names of the first items of a named tuple.
    pub names: &'static [&'static str],
    depth: u16,
    weight: usize,
}

#[derive(Default)]
pub(crate) struct Dict {
    entries: Vec<(Value, Value)>,
    /// The entries of string keys.
    index: HashMap<Arc<str>, usize>,
    /// The entries of numbers: integers, or the bits of other floats.
    numbers: HashMap<(i128, u64), usize>,
    depth: u16,
    weight: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ViewKind {
    Keys,
    Values,
    Items,
}

pub(crate) struct Range {
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

impl Missing {
    pub fn message(&self) -> String {
        match self {
            Self::Name(name) => format!("'{name}' is undefined"),
            Self::Attribute(owner, name) => format!("'{}' has no attribute '{name}'", object(owner)),
            Self::Element(owner, key) => format!("{} has no element {key}", object(owner)),
            Self::Hint(hint) => hint.clone(),
        }
    }
}

fn object(type_name: &str) -> String {
    match type_name {
        "NoneType" => "None".into(),
        _ => format!("{type_name} object"),
    }
}

impl Sequence {
    pub fn new(items: Vec<Value>) -> Outcome<Rc<Self>> {
        Self::named(items, &[])
    }

    fn named(items: Vec<Value>, names: &'static [&'static str]) -> Outcome<Rc<Self>> {
        let depth = deeper(items.iter().map(Value::depth).max())?;
        let weight = items.iter().fold(1usize, |sum, item| sum.saturating_add(item.weight()));
        Ok(Rc::new(Self { items, names, depth, weight }))
    }
}

fn deeper(deepest: Option<u16>) -> Outcome<u16> {
    match deepest.unwrap_or(0) {
        depth if depth >= MAX_DEPTH => fail(format!("a value is nested more than {MAX_DEPTH} levels deep")),
        depth => Ok(depth + 1),
    }
}

impl Dict {
    pub fn get(&self, key: &Value) -> Option<&Value> {
        match key {
            Value::Str(text) => self.get_str(&text.text),
            _ => self.place(key).map(|i| &self.entries[i].1),
        }
    }

    /// The entry of a key that is no string.
    fn place(&self, key: &Value) -> Option<usize> {
        match number_key(key) {
            Some(number) => self.numbers.get(&number).copied(),
            None => self.entries.iter().position(|(k, _)| k.equals(key)),
        }
    }

    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.index.get(key).map(|&i| &self.entries[i].1)
    }

    /// Adds or replaces an entry; a key keeps its first place.
    pub fn insert(&mut self, key: Value, value: Value) -> Outcome<()> {
        if !key.hashable() {
            return fail(format!("unhashable type: '{}'", key.type_name()));
        }
        if key.weight() > MAX_KEY_VALUES {
            return fail(format!("a key of more than {MAX_KEY_VALUES} values is not supported"));
        }
        self.weight = self.weight.saturating_add(value.weight() + key.weight());
        self.depth = self.depth.max(deeper(Some(value.depth().max(key.depth())))?);
        let place = match &key {
            Value::Str(text) => self.index.get(&text.text).copied(),
            _ => self.place(&key),
        };
        match place {
            Some(i) => self.entries[i].1 = value,
            None => {
                if let Value::Str(text) = &key {
                    self.index.insert(text.text.clone(), self.entries.len());
                } else if let Some(number) = number_key(&key) {
                    self.numbers.insert(number, self.entries.len());
                }
                self.entries.push((key, value));
            }
        }
        Ok(())
    }

    pub fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    pub fn keys(&self) -> Vec<Value> {
        self.entries.iter().map(|(key, _)| key.clone()).collect()
    }
}

/// What equal numbers share; `None` for other values, and for what equals nothing.
fn number_key(key: &Value) -> Option<(i128, u64)> {
    const EXACT: f64 = (1u64 << 53) as f64;
    match key {
        Value::Float(x) if x.fract() == 0.0 && x.abs() <= EXACT => Some((*x as i128, 0)),
        Value::Float(x) if x.fract() != 0.0 && x.is_finite() => Some((0, x.to_bits())),
        Value::Float(_) => None,
        _ => key.as_int().filter(|n| n.unsigned_abs() <= 1 << 53).map(|n| (n, 0)),
    }
}

impl Clone for Dict {
    fn clone(&self) -> Self {
        let Self { entries, index, numbers, depth, weight } = self;
        let (entries, index, numbers) = (entries.clone(), index.clone(), numbers.clone());
        Self { entries, index, numbers, depth: *depth, weight: *weight }
    }
}

impl Range {
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
    /// Fails for a name that Jinja keeps to itself.
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

/// Constructors.
impl Value {
    /// An untrusted text.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(Text::untrusted(text))
    }

    /// A trusted text, such as the template wrote.
    pub fn literal(text: impl Into<Arc<str>>) -> Self {
        Self::Str(Text::trusted(text))
    }

    pub fn list(items: Vec<Value>) -> Outcome<Self> {
        Ok(Self::List(Sequence::new(items)?))
    }

    pub fn tuple(items: Vec<Value>) -> Outcome<Self> {
        Ok(Self::Tuple(Sequence::new(items)?))
    }

    /// A tuple whose items have names, too.
    pub fn named_tuple(items: Vec<Value>, names: &'static [&'static str]) -> Outcome<Self> {
        Ok(Self::Tuple(Sequence::named(items, names)?))
    }

    pub fn generator(items: Vec<Value>) -> Outcome<Self> {
        Ok(Self::Generator(Rc::new(RefCell::new(Some(Sequence::new(items)?)))))
    }

    pub fn hint(message: impl Into<String>) -> Self {
        Self::Undefined(Rc::new(Missing::Hint(message.into())))
    }
}

/// Properties.
impl Value {
    fn depth(&self) -> u16 {
        match self {
            Self::List(s) | Self::Tuple(s) | Self::View(_, s) => s.depth,
            Self::Dict(dict) => dict.depth,
            Self::Generator(items) => items.borrow().as_ref().map_or(0, |s| s.depth),
            Self::Loop(l) => l.items.depth,
            Self::Cycler(cycler) => cycler.items.depth,
            Self::Method(method) => method.0.depth(),
            _ => 0,
        }
    }

    /// How many values it consists of, which sharing can make more than there is time to iterate.
    pub fn weight(&self) -> usize {
        match self {
            Self::List(s) | Self::Tuple(s) | Self::View(_, s) => s.weight,
            Self::Dict(dict) => dict.weight + 1,
            Self::Big(n) => 1 + n.bits() as usize / 1024,
            _ => 1,
        }
    }

    pub fn hashable(&self) -> bool {
        match self {
            Self::List(_) | Self::Dict(_) | Self::View(..) => false,
            Self::Tuple(items) if items.weight > MAX_KEY_VALUES => true,
            Self::Tuple(items) => items.items.iter().all(Value::hashable),
            _ => true,
        }
    }

    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// Whether it is a trusted text.
    pub fn is_trusted(&self) -> bool {
        matches!(self, Self::Str(text) if text.is_trusted())
    }

    /// An integer that is not large, or a boolean as one.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bool(b) => Some((*b).into()),
            _ => None,
        }
    }

    /// A whole number of any size.
    pub fn as_whole(&self) -> Option<BigInt> {
        match self {
            Self::Big(n) => Some(BigInt::clone(n)),
            _ => self.as_int().map(BigInt::from),
        }
    }

    /// A whole number as a place or a count: beyond what any text or list has, all are alike.
    pub fn as_place(&self) -> Option<i128> {
        const FAR: i128 = 1 << 100;
        match self {
            Self::Big(n) if n.sign() == num_bigint::Sign::Minus => Some(-FAR),
            Self::Big(_) => Some(FAR),
            _ => self.as_int().map(|n| n.clamp(-FAR, FAR)),
        }
    }

    /// A number as a float; `Some(None)` where it is too large.
    pub fn as_float(&self) -> Option<Option<f64>> {
        match self {
            Self::Float(x) => Some(Some(*x)),
            Self::Big(n) => Some(integers::nearest_float(n)),
            _ => self.as_int().map(|n| Some(n as f64)),
        }
    }

    /// A number as a float, which fails where it is too large.
    pub fn float(&self) -> Outcome<Option<f64>> {
        match self.as_float() {
            Some(None) => fail("int too large to convert to float"),
            found => Ok(found.flatten()),
        }
    }

    /// How two numbers compare, exactly: `None` if they are none, `Some(None)` with NaN.
    pub fn compare_numbers(&self, other: &Value) -> Option<Option<Ordering>> {
        let exactly = |n: &Value, x: f64| Some(integers::compare_float(&n.as_whole()?, x));
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => Some(a.partial_cmp(b)),
            (Self::Float(x), n) => exactly(n, *x).map(|order| order.map(Ordering::reverse)),
            (n, Self::Float(x)) => exactly(n, *x),
            _ => match (self.as_int(), other.as_int()) {
                (Some(a), Some(b)) => Some(Some(a.cmp(&b))),
                _ => Some(Some(self.as_whole()?.cmp(&other.as_whole()?))),
            },
        }
    }

    pub fn truthy(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Big(_) => true,
            Self::Float(x) => *x != 0.0,
            Self::Str(text) => !text.text.is_empty(),
            Self::List(s) | Self::Tuple(s) | Self::View(_, s) => !s.items.is_empty(),
            Self::Dict(dict) => !dict.entries.is_empty(),
            Self::Range(range) => range.len() > 0,
            Self::Loop(l) => !l.items.items.is_empty(),
            _ => true,
        }
    }

    /// Python's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Str(text) if text.markup => "Markup",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(s) if !s.names.is_empty() => "_GroupTuple",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::View(ViewKind::Keys, _) => "dict_keys",
            Self::View(ViewKind::Values, _) => "dict_values",
            Self::View(ViewKind::Items, _) => "dict_items",
            Self::Range(_) => "range",
            Self::Generator(_) => "generator",
            Self::Namespace(_) => "TemplateNamespace",
            Self::Macro(_) => "Macro",
            Self::Loop(_) => "LoopContext",
            Self::Cycler(_) => "Cycler",
            Self::Joiner(_) => "Joiner",
            Self::Method(_) => "builtin_function_or_method",
            Self::Function(_) => "function",
        }
    }

    pub fn len(&self) -> Outcome<usize> {
        match self {
            Self::Undefined(_) => Ok(0),
            Self::Str(text) => Ok(text.text.chars().count()),
            Self::List(s) | Self::Tuple(s) | Self::View(_, s) => Ok(s.items.len()),
            Self::Dict(dict) => Ok(dict.entries.len()),
            Self::Range(range) => Ok(range.len()),
            Self::Loop(l) => Ok(l.items.items.len()),
            _ => fail(format!("object of type '{}' has no len()", self.type_name())),
        }
    }

    /// What a loop over it yields.
    pub fn iterate(&self) -> Outcome<Rc<Sequence>> {
        match self {
            Self::Undefined(_) => Sequence::new(Vec::new()),
            Self::List(s) | Self::Tuple(s) | Self::View(_, s) => Ok(s.clone()),
            Self::Str(text) => {
                let item =
                    |(i, c): (usize, char)| Self::Str(text.slice(i..i + c.len_utf8()).with_markup(false));
                Sequence::new(text.text.char_indices().map(item).collect())
            }
            Self::Dict(dict) => Sequence::new(dict.keys()),
            Self::Range(range) => Sequence::new((0..range.len()).map(|i| range.item(i)).collect()),
            Self::Generator(items) => match items.borrow_mut().take() {
                Some(items) => Ok(items),
                None => Sequence::new(Vec::new()),
            },
            _ => fail(format!("'{}' object is not iterable", self.type_name())),
        }
    }

    pub fn equals(&self, other: &Value) -> bool {
        let all = |a: &Sequence, b: &Sequence| {
            a.items.len() == b.items.len() && a.items.iter().zip(&b.items).all(|(x, y)| x.equals(y))
        };
        match (self, other) {
            (Self::Undefined(_), Self::Undefined(_)) | (Self::None, Self::None) => true,
            (Self::Str(a), Self::Str(b)) => a.text == b.text,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => all(a, b),
            (Self::Dict(a), Self::Dict(b)) => {
                a.entries.len() == b.entries.len()
                    && a.entries.iter().all(|(k, v)| b.get(k).is_some_and(|w| v.equals(w)))
            }
            (Self::Range(a), Self::Range(b)) => {
                a.len() == b.len()
                    && (a.len() == 0 || (a.start == b.start && (a.len() == 1 || a.step == b.step)))
            }
            (Self::View(a, x), Self::View(b, y)) => {
                a == b
                    && *a != ViewKind::Values
                    && x.items.len() == y.items.len()
                    && x.items.iter().all(|item| y.items.iter().any(|i| i.equals(item)))
            }
            _ => match self.compare_numbers(other) {
                Some(order) => order == Some(Ordering::Equal),
                None => self.is(other),
            },
        }
    }

    /// Whether both are the same object, as Python's `is` says of what has an identity.
    pub fn is(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Big(a), Self::Big(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => Arc::ptr_eq(&a.text, &b.text) || a.text == b.text,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => Rc::ptr_eq(a, b),
            (Self::Dict(a), Self::Dict(b)) => Rc::ptr_eq(a, b),
            (Self::Namespace(a), Self::Namespace(b)) => Rc::ptr_eq(a, b),
            (Self::Macro(a), Self::Macro(b)) => Rc::ptr_eq(a, b),
            (Self::Loop(a), Self::Loop(b)) => Rc::ptr_eq(a, b),
            (Self::Function(a), Self::Function(b)) => a == b,
            _ => false,
        }
    }

    /// Fails when undefined, with the reason: what any real use of an undefined value does.
    pub fn defined(&self) -> Outcome<()> {
        match self {
            Self::Undefined(missing) => Err(Failure::new(missing.message())),
            _ => Ok(()),
        }
    }
}
