//! The values of a template: Python's as far as Jinja's sandbox shows them; no Python object is behind them.

pub(crate) mod case_tables;
pub(crate) mod characters;
mod containers;
pub(crate) mod data;
pub(crate) mod format;
pub(crate) mod inputs;
pub(crate) mod integers;
pub(crate) mod items;
pub(crate) mod json;
mod objects;
pub(crate) mod operators;
pub(crate) mod parse;
pub(crate) mod repr;
pub(crate) mod strings;
mod text;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use num_bigint::BigInt;

pub(crate) use self::containers::{Dict, Sequence};
pub(crate) use self::objects::{Cycler, Loop, Macro, Namespace, RangeObject, Scope};
pub(crate) use self::text::{Output, Text};

use self::containers::MAX_KEY_VALUES;
use crate::chat::failure::{fail, Failure, Outcome};

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
    Range(Rc<RangeObject>),
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

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ViewKind {
    Keys,
    Values,
    Items,
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
            Self::Dict(dict) => !dict.entries().is_empty(),
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
            Self::Dict(dict) => Ok(dict.entries().len()),
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
                a.entries().len() == b.entries().len()
                    && a.entries().iter().all(|(k, v)| b.get(k).is_some_and(|w| v.equals(w)))
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
