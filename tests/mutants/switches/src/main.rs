// SPDX-License-Identifier: GPL-3.0-or-later
//! Puts many mutants of one source file into it at once, each behind a switch that is looked at when the program runs. So a crate is
//! compiled once for all of them, and not once for each.
//!
//!     switches FILE < MUTANTS > CHANGED
//!
//! A line of MUTANTS is one mutant as cargo-mutants lists it: number, genre, line, column, replacement, with tabs between. Comments in
//! CHANGED say where each one is: `/*+N*/` and `/*-N*/` around what it puts in, `/*{N,M*/` and `/*}*/` around what was rewritten for
//! several. A mutant that has no comment was not put in, and is left to cargo-mutants.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Expr, ExprBinary, ExprStruct, ExprUnary, Member};

struct Mutant {
    number: u32,
    genre: String,
    replacement: String,
}

enum Piece {
    Text(String),
    Source(Range<usize>),
}

/// Text that takes the place of a range of the source, which it may repeat.
struct Rewrite {
    range: Range<usize>,
    pieces: Vec<Piece>,
    inner: Vec<Rewrite>,
}

struct Place {
    line: usize,
    column: usize,
}

struct Finder<'a> {
    lines: Vec<&'a str>,
    /// Where each line begins.
    starts: Vec<usize>,
    mutants: BTreeMap<(usize, usize), Vec<Mutant>>,
    rewrites: Vec<Rewrite>,
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

/// What a mutant puts in, with the comments around it.
fn marked(mutant: &Mutant, inner: &str) -> String {
    format!("/*+{n}*/{inner}/*-{n}*/", n = mutant.number)
}

fn switch(mutant: &Mutant) -> String {
    format!("crate::__mutant({})", mutant.number)
}

impl Finder<'_> {
    fn offset(&self, at: LineColumn) -> usize {
        let line = self.lines[at.line - 1];
        let within = line.char_indices().nth(at.column).map_or(line.len(), |(byte, _)| byte);
        self.starts[at.line - 1] + within
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.offset(span.start())..self.offset(span.end())
    }

    /// The mutants of one genre that begin here.
    fn take(&mut self, genre: &str, span: Span) -> Vec<Mutant> {
        let key = (span.start().line, span.start().column + 1);
        let Some(here) = self.mutants.get_mut(&key) else { return Vec::new() };
        let (taken, left) = here.drain(..).partition(|mutant| mutant.genre == genre);
        *here = left;
        taken
    }

    fn rewrite(&mut self, mutants: &[Mutant], range: Range<usize>, mut pieces: Vec<Piece>) {
        let numbers: Vec<String> = mutants.iter().map(|mutant| mutant.number.to_string()).collect();
        pieces.insert(0, text(format!("/*{{{}*/", numbers.join(","))));
        pieces.push(text("/*}*/"));
        self.rewrites.push(Rewrite { range, pieces, inner: Vec::new() });
    }

    fn binary(&mut self, node: &ExprBinary, mutants: &[Mutant]) {
        let (left, right) = (self.range(node.left.span()), self.range(node.right.span()));
        let (a, b) = (|| Piece::Source(left.clone()), || Piece::Source(right.clone()));
        let own = self.range(node.op.span());
        let operator = self.source(own);
        let mut pieces = Vec::new();
        match node.op {
            BinOp::And(_) | BinOp::Or(_) => {
                pieces.extend([text("({ let l: bool = "), a(), text("; ")]);
                for mutant in mutants {
                    let (on, op, n) = (switch(mutant), &mutant.replacement, mutant.number);
                    pieces.extend([
                        text(format!("if {on} {{ /*+{n}*/ l {op} (")),
                        b(),
                        text(format!(")/*-{n}*/ }} else ")),
                    ]);
                }
                pieces.extend([text(format!("{{ l {operator} (")), b(), text(") } })")]);
            }
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                pieces.extend([text("(match (&("), a(), text("), &("), b(), text(")) { (l, r) => ")]);
                for mutant in mutants {
                    let put = marked(mutant, &format!(" l {} r ", mutant.replacement));
                    pieces.push(text(format!("if {} {{ {put} }} else ", switch(mutant))));
                }
                pieces.push(text(format!("{{ l {operator} r }} }})")));
            }
            _ if operator.ends_with('=') => {
                pieces.push(text("("));
                for mutant in mutants {
                    let (on, op, n) = (switch(mutant), &mutant.replacement, mutant.number);
                    pieces.extend([text(format!("if {on} {{ /*+{n}*/")), a(), text(format!(" {op} ")), b()]);
                    pieces.push(text(format!("/*-{n}*/ }} else ")));
                }
                pieces.extend([text("{ "), a(), text(format!(" {operator} ")), b(), text(" })")]);
            }
            _ => {
                pieces.extend([text("({ let l = "), a(), text("; let r = "), b(), text("; ")]);
                for mutant in mutants {
                    let put = marked(mutant, &format!(" l {} r ", mutant.replacement));
                    pieces.push(text(format!("if {} {{ {put} }} else ", switch(mutant))));
                }
                pieces.push(text(format!("{{ l {operator} r }} }})")));
            }
        }
        let whole = self.range(node.span());
        self.rewrite(mutants, whole, pieces);
    }

    fn source(&self, range: Range<usize>) -> String {
        self.lines.concat()[range].to_owned()
    }
}

/// Whether a condition binds a name, so that its parts cannot be taken apart.
fn binds(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(node) => binds(&node.left) || binds(&node.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_binary(&mut self, node: &'ast ExprBinary) {
        let mutants = self.take("BinaryOperator", node.op.span());
        if !mutants.is_empty() && !binds(&node.left) && !binds(&node.right) {
            self.binary(node, &mutants);
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast ExprUnary) {
        let mutants = self.take("UnaryOperator", node.op.span());
        if let [mutant] = mutants.as_slice() {
            let operand = self.range(node.expr.span());
            let operator = self.range(node.op.span());
            let pieces = vec![
                text("({ let v = "),
                Piece::Source(operand),
                text(format!("; if {} {{ {} }} else {{ ", switch(mutant), marked(mutant, " v "))),
                Piece::Source(operator),
                text("v } })"),
            ];
            let whole = self.range(node.span());
            self.rewrite(&mutants, whole, pieces);
        }
        visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let deleted = self.take("MatchArm", arm.span());
        let kept: String = deleted.iter().map(|mutant| format!("!{} && ", switch(mutant))).collect();
        let pattern = self.range(arm.pat.span());
        match &arm.guard {
            None => {
                if !deleted.is_empty() {
                    let pieces = vec![text(format!(" if {kept}true"))];
                    self.rewrite(&deleted, pattern.end..pattern.end, pieces);
                }
            }
            Some((token, guard)) => {
                let mut mutants = self.take("MatchArmGuard", guard.span());
                let named = |value: &str| -> String {
                    let all = mutants.iter().filter(|mutant| mutant.replacement == value);
                    let join = if value == "true" { "||" } else { "&&" };
                    let not = if value == "true" { "" } else { "!" };
                    all.map(|mutant| format!("{not}{} {join} ", switch(mutant))).collect()
                };
                let (on, off) = (named("true"), named("false"));
                mutants.extend(deleted);
                if !mutants.is_empty() && !binds(guard) {
                    let inner = self.range(guard.span());
                    let whole = self.offset(token.span().start())..inner.end;
                    let pieces =
                        vec![text(format!("if {kept}({on}({off}(")), Piece::Source(inner), text(")))")];
                    self.rewrite(&mutants, whole, pieces);
                }
            }
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, node: &'ast ExprStruct) {
        for field in &node.fields {
            let mutants = self.take("StructField", field.span());
            let (Some(rest), Member::Named(name), [mutant]) = (&node.rest, &field.member, mutants.as_slice())
            else {
                continue;
            };
            let base = self.range(rest.span());
            let base = self.source(base);
            let value = self.range(field.expr.span());
            let put = marked(mutant, &format!("({base}).{name}"));
            let (whole, on) = (self.range(field.span()), switch(mutant));
            // a value that is only a name has the range of the whole field
            let value = if value == whole { text(name.to_string()) } else { Piece::Source(value) };
            let pieces = vec![text(format!("{name}: (if {on} {{ {put} }} else {{ ")), value, text(" })")];
            self.rewrite(&mutants, whole, pieces);
        }
        visit::visit_expr_struct(self, node);
    }
}

/// Puts each rewrite into the smallest other one around it.
fn nest(mut rewrites: Vec<Rewrite>) -> Vec<Rewrite> {
    let mut nested: Vec<Rewrite> = Vec::new();
    rewrites.sort_by_key(|rewrite| std::cmp::Reverse(rewrite.range.len()));
    for rewrite in rewrites {
        let mut level = &mut nested;
        loop {
            let within = |outer: &Rewrite| {
                if rewrite.range.is_empty() {
                    outer.range.start < rewrite.range.start && rewrite.range.start < outer.range.end
                } else {
                    outer.range.start <= rewrite.range.start && rewrite.range.end <= outer.range.end
                }
            };
            let Some(index) = level.iter().position(within) else { break };
            level = &mut level[index].inner;
        }
        level.push(rewrite);
    }
    nested
}

/// The text of a range, with everything rewritten that lies in it.
fn render(source: &str, range: &Range<usize>, rewrites: &[Rewrite], out: &mut String) {
    let mut here: Vec<&Rewrite> = rewrites
        .iter()
        .filter(|rewrite| range.start <= rewrite.range.start && rewrite.range.end <= range.end)
        .collect();
    here.sort_by_key(|rewrite| (rewrite.range.start, rewrite.range.len()));
    let mut at = range.start;
    for rewrite in here {
        out.push_str(&source[at..rewrite.range.start]);
        for piece in &rewrite.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Source(inner) => render(source, inner, &rewrite.inner, out),
            }
        }
        at = rewrite.range.end;
    }
    out.push_str(&source[at..range.end]);
}

fn main() {
    let path = std::env::args().nth(1).expect("switches FILE < MUTANTS");
    let source = std::fs::read_to_string(&path).expect("the file can be read");
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).expect("standard input can be read");
    let lines: Vec<&str> = source.split_inclusive('\n').collect();
    let starts = lines
        .iter()
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some(start)
        })
        .collect();
    let mut finder = Finder { lines, starts, mutants: BTreeMap::new(), rewrites: Vec::new() };
    for line in input.lines() {
        let words: Vec<&str> = line.splitn(5, '\t').collect();
        let [number, genre, line, column, replacement] = words[..] else { panic!("not a mutant: '{line}'") };
        let place = Place { line: line.parse().expect("a line"), column: column.parse().expect("a column") };
        let mutant = Mutant {
            number: number.parse().expect("a number"),
            genre: genre.to_owned(),
            replacement: replacement.to_owned(),
        };
        if mutant.genre == "FnValue" {
            let at = finder.offset(LineColumn { line: place.line, column: place.column - 1 });
            let put = marked(&mutant, &format!(" return {}; ", mutant.replacement));
            let pieces = vec![text(format!("if {} {{ {put} }} ", switch(&mutant)))];
            finder.rewrite(&[mutant], at..at, pieces);
        } else {
            finder.mutants.entry((place.line, place.column)).or_default().push(mutant);
        }
    }
    finder.visit_file(&syn::parse_file(&source).expect("the file is Rust"));
    let mut out = String::new();
    render(&source, &(0..source.len()), &nest(finder.rewrites), &mut out);
    print!("{out}");
}
