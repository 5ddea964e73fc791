//! Statements: tags and what stands between them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::failure::{Failure, Outcome};
use crate::chat::syntax::ast::{For, MacroDefinition, Node, Statement, StatementKind, Target};
use crate::chat::syntax::lexer::{check_length, tokenize};
use crate::chat::syntax::token::{Token, TokenKind};

/// How deep statements, and brackets within an expression, may nest.
pub(crate) const MAX_DEPTH: usize = 100;

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub body: Vec<Statement>,
    /// Every name that the template reads, whether or not it also sets it.
    pub names: BTreeSet<Arc<str>>,
    pub has_generation: bool,
}

/// Whether there is a filter or a test of a name.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub filter: fn(&str) -> bool,
    pub test: fn(&str) -> bool,
}

pub(crate) fn parse(source: &str, known: Known) -> Outcome<Parsed> {
    check_length(source)?;
    let mut parser = Parser {
        tokens: tokenize(source)?,
        known,
        at: 0,
        nesting: 0,
        loops: 0,
        lenient: false,
        unknown: Vec::new(),
        reads: Vec::new(),
        has_generation: false,
    };
    let body = parser.statements(&[])?;
    if let Some((message, line)) = parser.unknown.into_iter().next() {
        return Err(Failure::new(message).at(line));
    }
    Ok(Parsed { body, names: parser.reads.into_iter().collect(), has_generation: parser.has_generation })
}

pub(crate) struct Parser {
    tokens: Vec<Token>,
    pub known: Known,
    at: usize,
    pub nesting: usize,
    loops: usize,
    /// Inside a condition, where Jinja lets an unknown filter or test pass until it is reached.
    pub lenient: bool,
    pub unknown: Vec<(String, usize)>,
    pub reads: Vec<Arc<str>>,
    has_generation: bool,
}

/// Tokens.
impl Parser {
    pub fn kind(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    pub fn peek(&self) -> &TokenKind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    pub fn line(&self) -> usize {
        self.tokens[self.at].line
    }

    pub fn next(&mut self) -> TokenKind {
        let kind = self.kind().clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        kind
    }

    pub fn error<T>(&self, message: impl Into<String>) -> Outcome<T> {
        Err(Failure::new(message).at(self.line()))
    }

    pub fn is_op(&self, op: &str) -> bool {
        matches!(self.kind(), TokenKind::Op(found) if *found == op)
    }

    pub fn is_name(&self, name: &str) -> bool {
        matches!(self.kind(), TokenKind::Name(found) if &**found == name)
    }

    pub fn skip_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        if found {
            self.next();
        }
        found
    }

    pub fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        if found {
            self.next();
        }
        found
    }

    pub fn expect_op(&mut self, op: &str) -> Outcome<()> {
        if self.skip_op(op) {
            return Ok(());
        }
        self.error(format!("expected '{op}', found {}", describe(self.kind())))
    }

    pub fn expect_word(&mut self, word: &str) -> Outcome<()> {
        if self.skip_name(word) {
            return Ok(());
        }
        self.error(format!("expected '{word}', found {}", describe(self.kind())))
    }

    pub fn expect_name(&mut self) -> Outcome<Arc<str>> {
        match self.kind().clone() {
            TokenKind::Name(name) => {
                self.next();
                Ok(name)
            }
            other => self.error(format!("expected a name, found {}", describe(&other))),
        }
    }

    fn expect(&mut self, kind: TokenKind) -> Outcome<()> {
        if *self.kind() == kind {
            self.next();
            return Ok(());
        }
        self.error(format!("expected {}, found {}", describe(&kind), describe(self.kind())))
    }

    /// Runs `parse` one level deeper, within bounds.
    pub fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.nesting >= MAX_DEPTH {
            return self.error(format!("the template nests more than {MAX_DEPTH} levels deep"));
        }
        self.nesting += 1;
        let result = parse(self);
        self.nesting -= 1;
        result
    }
}

pub(crate) fn describe(kind: &TokenKind) -> String {
    match kind {
        TokenKind::Data(_) => "template data".into(),
        TokenKind::VariableBegin => "begin of print statement".into(),
        TokenKind::VariableEnd => "end of print statement".into(),
        TokenKind::BlockBegin => "begin of statement block".into(),
        TokenKind::BlockEnd => "end of statement block".into(),
        TokenKind::Name(name) => format!("'{name}'"),
        TokenKind::Str(text) => format!("the string {text:?}"),
        TokenKind::Int(n) => format!("'{n}'"),
        TokenKind::Big(_) => "a large number".into(),
        TokenKind::Float(x) => format!("'{x}'"),
        TokenKind::Op(op) => format!("'{op}'"),
        TokenKind::End => "end of template".into(),
    }
}

/// Statements.
impl Parser {
    /// Statements up to a tag of `ends`, whose name is left as the current token; all of them without any.
    fn statements(&mut self, ends: &[&str]) -> Outcome<Vec<Statement>> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            match self.kind().clone() {
                TokenKind::Data(text) => {
                    self.next();
                    body.push(Statement { line, kind: StatementKind::Data(text) });
                }
                TokenKind::VariableBegin => {
                    self.next();
                    let node = self.tuple(true, false)?;
                    self.expect(TokenKind::VariableEnd)?;
                    body.push(Statement { line: node.line, kind: StatementKind::Output(node) });
                }
                TokenKind::BlockBegin => {
                    self.next();
                    if ends.iter().any(|end| self.is_name(end)) {
                        return Ok(body);
                    }
                    let line = self.line();
                    for kind in self.nested(Self::statement)? {
                        body.push(Statement { line, kind });
                    }
                    self.expect(TokenKind::BlockEnd)?;
                }
                TokenKind::End if ends.is_empty() => return Ok(body),
                TokenKind::End => {
                    return self.error(format!("unexpected end of template, expected {}", ends.join(" or ")))
                }
                other => return self.error(format!("unexpected {}", describe(&other))),
            }
        }
    }

    /// The body of a block, from the end of its tag to the name in the closing tag.
    fn body(&mut self, ends: &[&str]) -> Outcome<Vec<Statement>> {
        self.skip_op(":");
        self.expect(TokenKind::BlockEnd)?;
        self.statements(ends)
    }

    /// A body with its own scope, in which names of filters are checked at once; its end tag is taken.
    fn inner_body(&mut self, ends: &[&str], loops: usize) -> Outcome<Vec<Statement>> {
        let outer = (std::mem::replace(&mut self.lenient, false), std::mem::replace(&mut self.loops, loops));
        let body = self.body(ends)?;
        (self.lenient, self.loops) = outer;
        if ends.len() == 1 {
            self.next();
        }
        Ok(body)
    }

    fn statement(&mut self) -> Outcome<Vec<StatementKind>> {
        let TokenKind::Name(tag) = self.kind().clone() else {
            return self.error("a tag must begin with a name");
        };
        let line = self.line();
        self.next();
        let one = |kind| Ok(vec![kind]);
        match &*tag {
            "for" => one(self.for_loop()?),
            "if" => one(self.condition()?),
            "set" => one(self.set()?),
            "macro" => {
                let name = self.expect_name()?;
                one(StatementKind::Macro(Arc::new(self.macro_rest(Some(name), "endmacro")?)))
            }
            "call" => one(self.call_block()?),
            "filter" => {
                let filter = self.filter(None, true)?;
                one(StatementKind::FilterBlock(filter, self.inner_body(&["endfilter"], 0)?))
            }
            "with" => one(self.with()?),
            "generation" => {
                self.has_generation = true;
                one(StatementKind::Generation(self.inner_body(&["endgeneration"], 0)?))
            }
            "block" => one(self.block()?),
            "print" => self.print(),
            "break" | "continue" if self.loops == 0 => {
                Err(Failure::new(format!("'{tag}' outside of a loop")).at(line))
            }
            "break" => one(StatementKind::Break),
            "continue" => one(StatementKind::Continue),
            "include" | "extends" | "import" | "from" => one(self.needs_loader(&tag)?),
            "autoescape"
                if matches!(self.expression()?.expr, crate::chat::syntax::ast::Expr::Bool(false)) =>
            {
                one(StatementKind::Scope(self.inner_body(&["endautoescape"], 0)?))
            }
            "autoescape" => Err(Failure::new("autoescape is not supported in chat templates").at(line)),
            _ => Err(Failure::new(format!("encountered unknown tag '{tag}'")).at(line)),
        }
    }

    fn for_loop(&mut self) -> Outcome<StatementKind> {
        let target = self.target(false, true)?;
        self.expect_word("in")?;
        let iterable = self.tuple(false, true)?;
        let test = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_name("recursive");
        let body = self.inner_body(&["endfor", "else"], self.loops + 1)?;
        let mut otherwise = Vec::new();
        if self.skip_name("else") {
            otherwise = self.inner_body(&["endfor"], self.loops)?;
        } else {
            self.next();
        }
        Ok(StatementKind::For(Arc::new(For { target, iterable, test, recursive, body, otherwise })))
    }

    fn condition(&mut self) -> Outcome<StatementKind> {
        let outer = std::mem::replace(&mut self.lenient, true);
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let test = self.tuple(false, false)?;
            let body = self.body(&["elif", "else", "endif"])?;
            branches.push((test, body));
            if self.skip_name("elif") {
                continue;
            }
            if self.skip_name("else") {
                otherwise = self.body(&["endif"])?;
            }
            self.next();
            break;
        }
        self.lenient = outer;
        Ok(StatementKind::If(branches, otherwise))
    }

    fn set(&mut self) -> Outcome<StatementKind> {
        let target = self.target(true, false)?;
        if self.skip_op("=") {
            return Ok(StatementKind::Set(target, self.tuple(true, false)?));
        }
        let mut filter = None;
        while self.is_op("|") {
            filter = Some(self.filter(filter, false)?);
        }
        Ok(StatementKind::SetBlock(target, filter, self.inner_body(&["endset"], 0)?))
    }

    fn call_block(&mut self) -> Outcome<StatementKind> {
        let line = self.line();
        let signature = if self.is_op("(") { self.signature()? } else { Default::default() };
        let call = self.expression()?;
        if !matches!(call.expr, crate::chat::syntax::ast::Expr::Call(..)) {
            return Err(Failure::new("expected a call after 'call'").at(line));
        }
        let definition = self.macro_body(None, signature, "endcall")?;
        Ok(StatementKind::CallBlock(call, Arc::new(definition)))
    }

    fn macro_rest(&mut self, name: Option<Arc<str>>, end: &str) -> Outcome<MacroDefinition> {
        let signature = self.signature()?;
        self.macro_body(name, signature, end)
    }

    fn signature(&mut self) -> Outcome<(Vec<Arc<str>>, Vec<Node>)> {
        let (mut parameters, mut defaults) = (Vec::new(), Vec::new());
        self.expect_op("(")?;
        while !self.is_op(")") {
            if !parameters.is_empty() {
                self.expect_op(",")?;
            }
            parameters.push(self.expect_name()?);
            if self.skip_op("=") {
                defaults.push(self.expression()?);
            } else if !defaults.is_empty() {
                return self.error("non-default argument follows default argument");
            }
        }
        self.expect_op(")")?;
        Ok((parameters, defaults))
    }

    fn macro_body(
        &mut self,
        name: Option<Arc<str>>,
        (parameters, defaults): (Vec<Arc<str>>, Vec<Node>),
        end: &str,
    ) -> Outcome<MacroDefinition> {
        let first_read = self.reads.len();
        let body = self.inner_body(&[end], 0)?;
        let reads = |special: &str| {
            let own = parameters.iter().any(|p| &**p == special);
            !own && self.reads[first_read..].iter().any(|name| &**name == special)
        };
        Ok(MacroDefinition {
            takes_caller: reads("caller"),
            takes_kwargs: reads("kwargs"),
            takes_varargs: reads("varargs"),
            name,
            parameters,
            defaults,
            body,
        })
    }

    fn with(&mut self) -> Outcome<StatementKind> {
        let mut values = Vec::new();
        while *self.kind() != TokenKind::BlockEnd {
            if !values.is_empty() {
                self.expect_op(",")?;
            }
            let target = self.target(false, false)?;
            self.expect_op("=")?;
            values.push((target, self.expression()?));
        }
        Ok(StatementKind::With(values, self.inner_body(&["endwith"], self.loops)?))
    }

    fn block(&mut self) -> Outcome<StatementKind> {
        let name = self.expect_name()?;
        while self.skip_name("scoped") || self.skip_name("required") {}
        let body = self.inner_body(&["endblock"], 0)?;
        self.skip_name(&name);
        Ok(StatementKind::Scope(body))
    }

    fn print(&mut self) -> Outcome<Vec<StatementKind>> {
        let mut outputs = Vec::new();
        while *self.kind() != TokenKind::BlockEnd {
            if !outputs.is_empty() {
                self.expect_op(",")?;
            }
            outputs.push(StatementKind::Output(self.expression()?));
        }
        Ok(outputs)
    }

    fn needs_loader(&mut self, tag: &str) -> Outcome<StatementKind> {
        let name = match tag {
            "include" => "include",
            "extends" => "extends",
            _ => "import",
        };
        self.expression()?;
        while *self.kind() != TokenKind::BlockEnd {
            if matches!(self.next(), TokenKind::End) {
                return self.error("unexpected end of template");
            }
        }
        Ok(StatementKind::NeedsLoader(name))
    }

    /// What stands left of `=` or `in`.
    fn target(&mut self, with_namespace: bool, ends_at_in: bool) -> Outcome<Target> {
        let mut targets = Vec::new();
        let mut tuple = false;
        loop {
            if self.is_op("=") || self.is_op(")") || *self.kind() == TokenKind::BlockEnd {
                break;
            }
            if ends_at_in && self.is_name("in") {
                break;
            }
            targets.push(self.one_target(with_namespace)?);
            if !self.skip_op(",") {
                break;
            }
            tuple = true;
        }
        match targets.pop() {
            Some(target) if !tuple => Ok(target),
            Some(target) => {
                targets.push(target);
                Ok(Target::Tuple(targets))
            }
            None => self.error(format!("expected a name to assign to, found {}", describe(self.kind()))),
        }
    }

    fn one_target(&mut self, with_namespace: bool) -> Outcome<Target> {
        if self.skip_op("(") {
            let target = self.nested(|parser| parser.target(with_namespace, false))?;
            self.expect_op(")")?;
            return Ok(target);
        }
        let name = self.expect_name()?;
        if matches!(&*name, "true" | "false" | "none" | "True" | "False" | "None") {
            return self.error(format!("can't assign to '{name}'"));
        }
        if with_namespace && self.skip_op(".") {
            self.reads.push(name.clone());
            return Ok(Target::Attribute(name, self.expect_name()?));
        }
        Ok(Target::Name(name))
    }
}
