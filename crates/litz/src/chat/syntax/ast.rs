//! The syntax tree of a template.

use std::sync::Arc;

use num_bigint::BigInt;

use crate::chat::failure::{fail, Outcome};

/// An expression nested deeper than this is refused, so that recursion over it cannot exhaust the stack.
const MAX_HEIGHT: u16 = 300;

#[derive(Debug)]
pub(crate) struct Node {
    pub line: usize,
    pub expr: Expr,
    height: u16,
}

#[derive(Debug)]
pub(crate) enum Expr {
    None,
    Bool(bool),
    Int(i128),
    Big(Arc<BigInt>),
    Float(f64),
    Str(Arc<str>),
    Name(Arc<str>),
    Tuple(Vec<Node>),
    List(Vec<Node>),
    Dict(Vec<(Node, Node)>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Positive(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Concat(Vec<Node>),
    Compare(Box<Node>, Vec<(&'static str, Node)>),
    Conditional(Box<Node>, Box<Node>, Option<Box<Node>>),
    Attribute(Box<Node>, Arc<str>),
    Item(Box<Node>, Box<Node>),
    Slice(Box<Node>, [Option<Box<Node>>; 3]),
    Call(Box<Node>, Arguments),
    /// A filter without a value of its own stands in a filter or set block.
    Filter(Option<Box<Node>>, Arc<str>, Arguments),
    Test(Box<Node>, Arc<str>, Arguments),
}

#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub positional: Vec<Node>,
    pub named: Vec<(Arc<str>, Node)>,
    pub star: Option<Box<Node>>,
    pub double_star: Option<Box<Node>>,
}

impl Node {
    pub fn new(line: usize, expr: Expr) -> Outcome<Self> {
        let height = expr.child_height() + 1;
        if height > MAX_HEIGHT {
            return fail(format!("an expression is nested more than {MAX_HEIGHT} levels deep"))
                .map_err(|f: crate::chat::failure::Failure| f.at(line));
        }
        Ok(Self { line, expr, height })
    }
}

impl Arguments {
    fn height(&self) -> u16 {
        let named = self.named.iter().map(|(_, node)| node.height);
        let stars = self.star.iter().chain(&self.double_star).map(|node| node.height);
        self.positional.iter().map(|node| node.height).chain(named).chain(stars).max().unwrap_or(0)
    }
}

impl Expr {
    fn child_height(&self) -> u16 {
        let all = |nodes: &[Node]| nodes.iter().map(|node| node.height).max().unwrap_or(0);
        match self {
            Expr::None | Expr::Bool(_) | Expr::Int(_) | Expr::Big(_) => 0,
            Expr::Float(_) | Expr::Str(_) | Expr::Name(_) => 0,
            Expr::Tuple(items) | Expr::List(items) | Expr::Concat(items) => all(items),
            Expr::Dict(pairs) => pairs.iter().map(|(k, v)| k.height.max(v.height)).max().unwrap_or(0),
            Expr::Not(a) | Expr::Negative(a) | Expr::Positive(a) | Expr::Attribute(a, _) => a.height,
            Expr::And(a, b) | Expr::Or(a, b) | Expr::Binary(_, a, b) | Expr::Item(a, b) => {
                a.height.max(b.height)
            }
            Expr::Compare(a, rest) => rest.iter().map(|(_, b)| b.height).fold(a.height, u16::max),
            Expr::Conditional(a, b, c) => {
                a.height.max(b.height).max(c.as_ref().map_or(0, |node| node.height))
            }
            Expr::Slice(a, bounds) => bounds.iter().flatten().map(|b| b.height).fold(a.height, u16::max),
            Expr::Call(a, arguments) | Expr::Test(a, _, arguments) => a.height.max(arguments.height()),
            Expr::Filter(a, _, arguments) => a.as_ref().map_or(0, |node| node.height).max(arguments.height()),
        }
    }
}

/// Where a value is stored.
#[derive(Debug)]
pub(crate) enum Target {
    Name(Arc<str>),
    Attribute(Arc<str>, Arc<str>),
    Tuple(Vec<Target>),
}

#[derive(Debug)]
pub(crate) struct Statement {
    pub line: usize,
    pub kind: StatementKind,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Data(Arc<str>),
    Output(Node),
    For(Arc<For>),
    If(Vec<(Node, Vec<Statement>)>, Vec<Statement>),
    Set(Target, Node),
    SetBlock(Target, Option<Node>, Vec<Statement>),
    Macro(Arc<MacroDefinition>),
    CallBlock(Node, Arc<MacroDefinition>),
    FilterBlock(Node, Vec<Statement>),
    With(Vec<(Target, Node)>, Vec<Statement>),
    Scope(Vec<Statement>),
    Generation(Vec<Statement>),
    Break,
    Continue,
    /// Syntax that needs other templates: there are none, so reaching it fails.
    NeedsLoader(&'static str),
}

#[derive(Debug)]
pub(crate) struct For {
    pub target: Target,
    pub iterable: Node,
    pub test: Option<Node>,
    pub recursive: bool,
    pub body: Vec<Statement>,
    pub otherwise: Vec<Statement>,
}

#[derive(Debug)]
pub(crate) struct MacroDefinition {
    pub name: Option<Arc<str>>,
    pub parameters: Vec<Arc<str>>,
    /// The defaults of the last parameters.
    pub defaults: Vec<Node>,
    pub body: Vec<Statement>,
    pub takes_caller: bool,
    pub takes_kwargs: bool,
    pub takes_varargs: bool,
}
