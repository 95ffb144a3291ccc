//! Where a mistake can be switched: the smallest expression around it, or the body of its function.

use super::{Imported, Listed, list::Genre};
use crate::planter::table::{Edit, Mutant};
use std::ops::Range;
use syn::{
    BinOp, Block, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary, File, ImplItemFn, ItemFn, Signature,
    spanned::Spanned,
    visit::{self, Visit},
};

/// A file that mistakes are planted in.
pub(super) struct Source {
    text: String,
    places: Places,
}

/// What can be put behind a condition, by its place in bytes.
#[derive(Default)]
struct Places {
    /// Each operator of two, the expression that it makes, and whether a pattern is matched in that.
    binary: Vec<(Range<usize>, Range<usize>, bool)>,
    /// Each operator of one, and its expression.
    unary: Vec<(Range<usize>, Range<usize>)>,
    /// Each arm, and its match.
    arms: Vec<(Range<usize>, Range<usize>)>,
    /// Each struct with its fields.
    structs: Vec<Range<usize>>,
    /// What each function has between its braces.
    bodies: Vec<Range<usize>>,
    /// The `const` of each function, which cannot ask which mistake is on.
    consts: Vec<Range<usize>>,
}

impl Visit<'_> for Places {
    fn visit_expr_binary(&mut self, expr: &ExprBinary) {
        let is_chain = matches!(expr.op, BinOp::And(_)) && (has_let(&expr.left) || has_let(&expr.right));
        self.binary.push((expr.op.span().byte_range(), expr.span().byte_range(), is_chain));
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &ExprUnary) {
        self.unary.push((expr.op.span().byte_range(), expr.span().byte_range()));
        visit::visit_expr_unary(self, expr);
    }

    fn visit_expr_match(&mut self, expr: &ExprMatch) {
        let whole = expr.span().byte_range();
        self.arms.extend(expr.arms.iter().map(|arm| (arm.span().byte_range(), whole.clone())));
        visit::visit_expr_match(self, expr);
    }

    fn visit_expr_struct(&mut self, expr: &ExprStruct) {
        self.structs.push(expr.span().byte_range());
        visit::visit_expr_struct(self, expr);
    }

    fn visit_item_fn(&mut self, item: &ItemFn) {
        self.consts.extend(constness(&item.sig));
        self.bodies.extend(body(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &ImplItemFn) {
        self.consts.extend(constness(&item.sig));
        self.bodies.extend(body(&item.block));
        visit::visit_impl_item_fn(self, item);
    }
}

fn constness(signature: &Signature) -> Option<Range<usize>> {
    signature.constness.as_ref().map(|constness| constness.span().byte_range())
}

/// What stands between the braces.
fn body(block: &Block) -> Option<Range<usize>> {
    let (first, last) = (block.stmts.first()?, block.stmts.last()?);
    Some(first.span().byte_range().start..last.span().byte_range().end)
}

/// Whether it is a `let` of a condition, or several conditions with one among them.
fn has_let(expr: &Expr) -> bool {
    if let Expr::Binary(expr) = expr {
        return matches!(expr.op, BinOp::And(_)) && (has_let(&expr.left) || has_let(&expr.right));
    }
    matches!(expr, Expr::Let(_))
}

impl Source {
    pub(super) fn parse(file: &str, text: String) -> Result<Self, String> {
        let parsed: File = syn::parse_str(&text).map_err(|error| format!("{file}: {error}"))?;
        let mut places = Places::default();
        places.visit_file(&parsed);
        Ok(Self { text, places })
    }

    /// An entry of the list as one that can be planted.
    pub(super) fn import(&self, listed: Listed, name: &str) -> Result<Imported, String> {
        let span = listed.span.start.offset(&self.text).zip(listed.span.end.offset(&self.text));
        let span = span.map(|(start, end)| start..end).filter(|span| self.text.get(span.clone()).is_some());
        let span = span.ok_or_else(|| format!("{}: the file has no such place", listed.name))?;
        let place = self.place(&listed, &span).map_err(|why| format!("{}: {why}", listed.name))?;
        let Place { site, refused } = place;
        let find = &self.text[site.clone()];
        let replace =
            [&self.text[site.start..span.start], &listed.replacement, &self.text[span.end..site.end]].concat();
        let (code, replacement) = match listed.genre {
            Genre::FnValue => (String::new(), listed.replacement.clone()),
            Genre::BinaryOperator | Genre::UnaryOperator | Genre::MatchArmGuard => (line(find), line(&replace)),
            Genre::MatchArm | Genre::StructField => (line(&self.text[span]), String::new()),
        };
        let edit = |at: &Range<usize>, replace: &str| Edit {
            file: listed.file.clone(),
            find: self.text[at.clone()].to_owned(),
            within: None,
            replace: replace.to_owned(),
            at: Some(at.clone()),
        };
        let mutant = match refused.or(listed.function.is_none().then_some("it is in a constant, which cannot ask")) {
            Some(why) => Err(why.to_owned()),
            None => Ok(Mutant {
                name: name.to_owned(),
                what: listed.name.clone(),
                world: String::new(),
                soon: None,
                edits: vec![edit(&site, &replace)],
                items: Vec::new(),
                // All of the file, since one may call another.
                always: self.places.consts.iter().map(|at| edit(at, "")).collect(),
            }),
        };
        Ok(Imported { listed, code, replacement, mutant })
    }

    /// The text that is to stand behind the condition.
    fn place(&self, listed: &Listed, span: &Range<usize>) -> Result<Place, String> {
        let other = || "the file has something else there: the list must be made anew".to_owned();
        let around = |sites: &[(Range<usize>, Range<usize>)]| {
            let site = sites.iter().find(|(at, _)| at == span).map(|(_, site)| site.clone());
            site.map(Place::new).ok_or_else(other)
        };
        match listed.genre {
            Genre::FnValue => {
                let is_body = self.places.bodies.contains(span);
                is_body.then(|| Place::new(span.clone())).ok_or_else(other)
            }
            Genre::MatchArmGuard => {
                syn::parse_str::<Expr>(&self.text[span.clone()]).map_err(|_| other())?;
                Ok(Place::new(span.clone()))
            }
            Genre::BinaryOperator => {
                let found = self.places.binary.iter().find(|(at, ..)| at == span).ok_or_else(other)?;
                let why = "a pattern is matched beside it, and such conditions can only be joined by &&";
                Ok(Place { site: found.1.clone(), refused: found.2.then_some(why) })
            }
            Genre::UnaryOperator => around(&self.places.unary),
            Genre::MatchArm => around(&self.places.arms),
            Genre::StructField => {
                let inside = |site: &&Range<usize>| site.start < span.start && span.end < site.end;
                let sites = self.places.structs.iter().filter(inside);
                sites.min_by_key(|site| site.len()).cloned().map(Place::new).ok_or_else(other)
            }
        }
    }
}

struct Place {
    site: Range<usize>,
    refused: Option<&'static str>,
}

impl Place {
    const fn new(site: Range<usize>) -> Self {
        Self { site, refused: None }
    }
}

/// Code in one line.
fn line(code: &str) -> String {
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{
        super::list::{Function, Position, Span},
        *,
    };

    const FILE: &str = "\
impl A {
    const fn f(self, a: u32) -> bool {
        let b = a + 1 - 2;
        !(a == b && b < 3)
    }
}
fn g(a: Option<u32>) -> u32 {
    if let Some(a) = a && a > 1 && a > 2 { return 0; }
    match a {
        Some(1) => 1,
        Some(b) if b > 2 => 2,
        _ => 3,
    }
}
fn h(d: D) -> D {
    D { x: 1, ..d }
}
const C: u32 = 1 + 2;
";

    /// What this text of the file, the `nth` of its kind, is put behind a condition as, and by what.
    fn imported(text: &str, nth: usize, genre: Genre, replacement: &str) -> Result<Imported, String> {
        let Some((at, _)) = FILE.match_indices(text).nth(nth) else { panic!("{text} is not there") };
        let position = |at: usize| {
            let before = &FILE[..at];
            let line = before.matches('\n').count() + 1;
            Position { line, column: at - before.rfind('\n').map_or(0, |end| end + 1) + 1 }
        };
        let listed = Listed {
            file: "src/a.rs".into(),
            function: (at < FILE.len() - 10).then(|| Function { function_name: "f".into() }),
            genre,
            name: "it".into(),
            replacement: replacement.into(),
            span: Span { start: position(at), end: position(at + text.len()) },
        };
        Source::parse("src/a.rs", FILE.to_owned())?.import(listed, "M1")
    }

    fn edit(text: &str, nth: usize, genre: Genre, replacement: &str) -> (String, String) {
        match imported(text, nth, genre, replacement).and_then(|imported| imported.mutant) {
            Ok(mutant) => (line(&mutant.edits[0].find), line(&mutant.edits[0].replace)),
            Err(why) => (String::new(), why),
        }
    }

    fn is(text: &str, nth: usize, genre: Genre, replacement: &str, find: &str, replace: &str) {
        assert_eq!(edit(text, nth, genre, replacement), (find.to_owned(), replace.to_owned()), "{text}");
    }

    #[test]
    fn an_operator_is_switched_with_its_expression() {
        is("+", 0, Genre::BinaryOperator, "*", "a + 1", "a * 1");
        is("==", 0, Genre::BinaryOperator, "!=", "a == b", "a != b");
        is("&&", 0, Genre::BinaryOperator, "||", "a == b && b < 3", "a == b || b < 3");
        is("!", 0, Genre::UnaryOperator, "", "!(a == b && b < 3)", "(a == b && b < 3)");
    }

    #[test]
    fn a_body_a_guard_an_arm_and_a_field_are_switched() {
        is("D { x: 1, ..d }", 0, Genre::FnValue, "Default::default()", "D { x: 1, ..d }", "Default::default()");
        is("b > 2", 0, Genre::MatchArmGuard, "false", "b > 2", "false");
        let whole = "match a { Some(1) => 1, Some(b) if b > 2 => 2, _ => 3, }";
        is("Some(1) => 1,", 0, Genre::MatchArm, "", whole, "match a { Some(b) if b > 2 => 2, _ => 3, }");
        is("x: 1,", 0, Genre::StructField, "", "D { x: 1, ..d }", "D { ..d }");
    }

    #[test]
    fn what_cannot_be_switched_says_why() {
        let chain = "a pattern is matched beside it, and such conditions can only be joined by &&";
        is("&&", 1, Genre::BinaryOperator, "||", "", chain);
        is("&&", 2, Genre::BinaryOperator, "||", "", chain);
        // What stands within such a condition can.
        is("a > 1", 0, Genre::MatchArmGuard, "true", "a > 1", "true");
        is("+", 1, Genre::BinaryOperator, "-", "", "it is in a constant, which cannot ask");
        let other = "it: the file has something else there: the list must be made anew";
        is("- 2", 0, Genre::BinaryOperator, "+", "", other);
        is("a + 1", 0, Genre::FnValue, "0", "", other);
    }

    #[test]
    fn functions_are_not_const_where_they_must_ask() {
        match imported("+", 0, Genre::BinaryOperator, "*").and_then(|imported| imported.mutant) {
            Ok(Mutant { always, .. }) => {
                let always: Vec<_> = always.iter().map(|edit| (&*edit.find, &*edit.replace)).collect();
                assert_eq!(always, [("const", "")]);
            }
            Err(why) => panic!("{why}"),
        }
    }
}
