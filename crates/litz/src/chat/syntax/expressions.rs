//! Expressions, by Jinja's precedences.

use crate::chat::failure::{Failure, Outcome};
use crate::chat::syntax::ast::{Arguments, Expr, Node};
use crate::chat::syntax::parser::{describe, Parser};
use crate::chat::syntax::token::TokenKind;

impl Parser {
    pub fn expression(&mut self) -> Outcome<Node> {
        self.nested(Self::conditional)
    }

    /// One expression, or a tuple without parentheses. `ends_at_recursive`: a for loop's last word ends it.
    pub fn tuple(&mut self, with_conditional: bool, ends_at_recursive: bool) -> Outcome<Node> {
        let line = self.line();
        let (mut items, mut is_tuple) = (Vec::new(), false);
        loop {
            if self.ends_tuple() || (ends_at_recursive && self.is_name("recursive")) {
                break;
            }
            let parse = if with_conditional { Self::conditional } else { Self::or };
            items.push(self.nested(parse)?);
            if !self.skip_op(",") {
                break;
            }
            is_tuple = true;
        }
        match items.pop() {
            Some(item) if !is_tuple => Ok(item),
            Some(item) => {
                items.push(item);
                Node::new(line, Expr::Tuple(items))
            }
            None => self.error(format!("expected an expression, found {}", describe(self.kind()))),
        }
    }

    fn ends_tuple(&self) -> bool {
        matches!(self.kind(), TokenKind::VariableEnd | TokenKind::BlockEnd) || self.is_op(")")
    }

    fn conditional(&mut self) -> Outcome<Node> {
        let mut line = self.line();
        let unknown = self.unknown.len();
        let mut value = self.or()?;
        while self.skip_name("if") {
            // Jinja lets unknown filters pass inside a conditional expression until they are reached.
            let outer = std::mem::replace(&mut self.lenient, true);
            self.unknown.truncate(unknown);
            let test = self.or()?;
            let otherwise =
                if self.skip_name("else") { Some(Box::new(self.nested(Self::conditional)?)) } else { None };
            self.lenient = outer;
            value = Node::new(line, Expr::Conditional(Box::new(test), Box::new(value), otherwise))?;
            line = self.line();
        }
        Ok(value)
    }

    fn or(&mut self) -> Outcome<Node> {
        let mut line = self.line();
        let mut left = self.and()?;
        while self.skip_name("or") {
            let right = self.and()?;
            left = Node::new(line, Expr::Or(Box::new(left), Box::new(right)))?;
            line = self.line();
        }
        Ok(left)
    }

    fn and(&mut self) -> Outcome<Node> {
        let mut line = self.line();
        let mut left = self.not()?;
        while self.skip_name("and") {
            let right = self.not()?;
            left = Node::new(line, Expr::And(Box::new(left), Box::new(right)))?;
            line = self.line();
        }
        Ok(left)
    }

    fn not(&mut self) -> Outcome<Node> {
        let line = self.line();
        if self.skip_name("not") {
            let inner = self.nested(Self::not)?;
            return Node::new(line, Expr::Not(Box::new(inner)));
        }
        self.compare()
    }

    fn compare(&mut self) -> Outcome<Node> {
        let line = self.line();
        let first = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let op = match self.kind() {
                TokenKind::Op(op @ ("==" | "!=" | "<" | "<=" | ">" | ">=")) => op,
                TokenKind::Name(name) if &**name == "in" => "in",
                TokenKind::Name(name)
                    if &**name == "not" && matches!(self.peek(), TokenKind::Name(n) if &**n == "in") =>
                {
                    self.next();
                    "not in"
                }
                _ => break,
            };
            self.next();
            rest.push((op, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Node::new(line, Expr::Compare(Box::new(first), rest))
    }

    /// A left-associative level: operands of `operand` joined by any of `operators`.
    fn binary(
        &mut self,
        operators: &[&'static str],
        operand: fn(&mut Self) -> Outcome<Node>,
    ) -> Outcome<Node> {
        let mut line = self.line();
        let mut left = operand(self)?;
        while let TokenKind::Op(op) = *self.kind() {
            if !operators.contains(&op) {
                break;
            }
            self.next();
            let right = operand(self)?;
            left = Node::new(line, Expr::Binary(op, Box::new(left), Box::new(right)))?;
            line = self.line();
        }
        Ok(left)
    }

    fn sum(&mut self) -> Outcome<Node> {
        self.binary(&["+", "-"], Self::concat)
    }

    fn concat(&mut self) -> Outcome<Node> {
        let line = self.line();
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.skip_op("~") {
            parts.push(self.product()?);
        }
        Node::new(line, Expr::Concat(parts))
    }

    fn product(&mut self) -> Outcome<Node> {
        self.binary(&["*", "/", "//", "%"], Self::power)
    }

    fn power(&mut self) -> Outcome<Node> {
        self.binary(&["**"], |parser| parser.unary(true))
    }

    fn unary(&mut self, with_filter: bool) -> Outcome<Node> {
        let line = self.line();
        let node = if self.skip_op("-") {
            let inner = self.nested(|parser| parser.unary(false))?;
            Node::new(line, Expr::Negative(Box::new(inner)))?
        } else if self.skip_op("+") {
            let inner = self.nested(|parser| parser.unary(false))?;
            Node::new(line, Expr::Positive(Box::new(inner)))?
        } else {
            self.primary()?
        };
        let node = self.postfix(node)?;
        if with_filter {
            return self.filters_and_tests(node);
        }
        Ok(node)
    }

    fn primary(&mut self) -> Outcome<Node> {
        let line = self.line();
        let expr = match self.next() {
            TokenKind::Name(name) => match &*name {
                "true" | "True" => Expr::Bool(true),
                "false" | "False" => Expr::Bool(false),
                "none" | "None" => Expr::None,
                _ => {
                    self.reads.push(name.clone());
                    Expr::Name(name)
                }
            },
            TokenKind::Str(first) => {
                let mut text = first.to_string();
                while let TokenKind::Str(more) = self.kind().clone() {
                    text.push_str(&more);
                    self.next();
                }
                Expr::Str(text.into())
            }
            TokenKind::Int(n) => Expr::Int(n),
            TokenKind::Big(n) => Expr::Big(n),
            TokenKind::Float(x) => Expr::Float(x),
            TokenKind::Op("(") => return self.nested(Self::parenthesised),
            TokenKind::Op("[") => Expr::List(self.items("]")?),
            TokenKind::Op("{") => self.dict()?,
            other => return Err(Failure::new(format!("unexpected {}", describe(&other))).at(line)),
        };
        Node::new(line, expr)
    }

    fn parenthesised(&mut self) -> Outcome<Node> {
        let line = self.line();
        let node = if self.is_op(")") {
            Node::new(line, Expr::Tuple(Vec::new()))?
        } else {
            self.tuple(true, false)?
        };
        self.expect_op(")")?;
        Ok(node)
    }

    /// Expressions up to a closing bracket, which is taken.
    fn items(&mut self, close: &str) -> Outcome<Vec<Node>> {
        let mut items = Vec::new();
        while !self.is_op(close) {
            if !items.is_empty() {
                self.expect_op(",")?;
                if self.is_op(close) {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        self.expect_op(close)?;
        Ok(items)
    }

    fn dict(&mut self) -> Outcome<Expr> {
        let mut pairs = Vec::new();
        while !self.is_op("}") {
            if !pairs.is_empty() {
                self.expect_op(",")?;
                if self.is_op("}") {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect_op(":")?;
            pairs.push((key, self.expression()?));
        }
        self.expect_op("}")?;
        Ok(Expr::Dict(pairs))
    }

    fn postfix(&mut self, mut node: Node) -> Outcome<Node> {
        loop {
            let line = self.line();
            if self.skip_op(".") {
                node = match self.next() {
                    TokenKind::Name(name) => Node::new(line, Expr::Attribute(Box::new(node), name))?,
                    TokenKind::Int(n) => {
                        let index = Node::new(line, Expr::Int(n))?;
                        Node::new(line, Expr::Item(Box::new(node), Box::new(index)))?
                    }
                    TokenKind::Big(n) => {
                        let index = Node::new(line, Expr::Big(n))?;
                        Node::new(line, Expr::Item(Box::new(node), Box::new(index)))?
                    }
                    other => {
                        return self.error(format!("expected a name or number, found {}", describe(&other)))
                    }
                };
            } else if self.skip_op("[") {
                node = self.subscript(node, line)?;
            } else if self.is_op("(") {
                let arguments = self.arguments()?;
                node = Node::new(line, Expr::Call(Box::new(node), arguments))?;
            } else {
                return Ok(node);
            }
        }
    }

    fn subscript(&mut self, node: Node, line: usize) -> Outcome<Node> {
        let mut bounds: [Option<Box<Node>>; 3] = [None, None, None];
        let mut position = 0;
        loop {
            if self.skip_op(":") {
                position += 1;
                if position > 2 {
                    return self.error("a slice has at most three parts");
                }
            } else if self.is_op("]") {
                break;
            } else if bounds[position].is_none() {
                bounds[position] = Some(Box::new(self.expression()?));
            } else {
                return self.error(format!("expected ']', found {}", describe(self.kind())));
            }
        }
        self.expect_op("]")?;
        match bounds {
            bounds if position > 0 => Node::new(line, Expr::Slice(Box::new(node), bounds)),
            [Some(index), ..] => Node::new(line, Expr::Item(Box::new(node), index)),
            _ => {
                let empty = Node::new(line, Expr::Tuple(Vec::new()))?;
                Node::new(line, Expr::Item(Box::new(node), Box::new(empty)))
            }
        }
    }

    fn filters_and_tests(&mut self, mut node: Node) -> Outcome<Node> {
        loop {
            let line = self.line();
            if self.is_op("|") {
                node = self.filter(Some(node), false)?;
            } else if self.skip_name("is") {
                node = self.test(node, line)?;
            } else if self.is_op("(") {
                let arguments = self.arguments()?;
                node = Node::new(line, Expr::Call(Box::new(node), arguments))?;
            } else {
                return Ok(node);
            }
        }
    }

    /// Filters while a pipe follows; `inline`: the first stands without one, as in a filter block.
    pub fn filter(&mut self, mut node: Option<Node>, mut inline: bool) -> Outcome<Node> {
        loop {
            if !inline && !self.skip_op("|") {
                break;
            }
            inline = false;
            let line = self.line();
            let name = self.dotted_name()?;
            if !self.lenient && !(self.known.filter)(&name) {
                self.unknown.push((format!("No filter named '{name}'."), line));
            }
            let arguments = if self.is_op("(") { self.arguments()? } else { Arguments::default() };
            node = Some(Node::new(line, Expr::Filter(node.map(Box::new), name.into(), arguments))?);
        }
        match node {
            Some(node) => Ok(node),
            None => self.error("expected a filter"),
        }
    }

    fn dotted_name(&mut self) -> Outcome<String> {
        let mut name = self.expect_name()?.to_string();
        while self.skip_op(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(name)
    }

    fn test(&mut self, node: Node, line: usize) -> Outcome<Node> {
        let negated = self.skip_name("not");
        let name = self.dotted_name()?;
        if !self.lenient && !(self.known.test)(&name) {
            self.unknown.push((format!("No test named '{name}'."), line));
        }
        let arguments = if self.is_op("(") { self.arguments()? } else { self.bare_test_argument()? };
        let test = Node::new(line, Expr::Test(Box::new(node), name.into(), arguments))?;
        if negated {
            return Node::new(line, Expr::Not(Box::new(test)));
        }
        Ok(test)
    }

    /// `x is divisibleby 3`: an argument without parentheses.
    fn bare_test_argument(&mut self) -> Outcome<Arguments> {
        let starts = match self.kind() {
            TokenKind::Name(name) => !matches!(&**name, "else" | "or" | "and"),
            TokenKind::Str(_) | TokenKind::Int(_) | TokenKind::Big(_) | TokenKind::Float(_) => true,
            TokenKind::Op(op) => matches!(*op, "[" | "{"),
            _ => false,
        };
        if !starts {
            return Ok(Arguments::default());
        }
        if self.is_name("is") {
            return self.error("You cannot chain multiple tests with is");
        }
        let node = self.primary()?;
        let argument = self.postfix(node)?;
        Ok(Arguments { positional: vec![argument], ..Arguments::default() })
    }

    fn arguments(&mut self) -> Outcome<Arguments> {
        let line = self.line();
        let misplaced = || Err(Failure::new("invalid syntax for function call expression").at(line));
        let mut arguments = Arguments::default();
        self.expect_op("(")?;
        let mut first = true;
        while !self.is_op(")") {
            if !first {
                self.expect_op(",")?;
                if self.is_op(")") {
                    break;
                }
            }
            first = false;
            let starred = arguments.star.is_some() || arguments.double_star.is_some();
            if self.skip_op("*") {
                if starred {
                    return misplaced();
                }
                arguments.star = Some(Box::new(self.expression()?));
            } else if self.skip_op("**") {
                if arguments.double_star.is_some() {
                    return misplaced();
                }
                arguments.double_star = Some(Box::new(self.expression()?));
            } else if let (TokenKind::Name(name), TokenKind::Op("=")) =
                (self.kind().clone(), self.peek().clone())
            {
                self.next();
                self.next();
                let value = self.expression()?;
                arguments.named.push((name, value));
            } else if starred || !arguments.named.is_empty() {
                return misplaced();
            } else {
                arguments.positional.push(self.expression()?);
            }
        }
        self.expect_op(")")?;
        Ok(arguments)
    }
}
