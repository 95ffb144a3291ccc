//! The list as cargo-mutants prints it. Its fields are those of cargo-mutants 27 (its book: "Listing and previewing
//! mutations"); more of them do no harm.

use serde::Deserialize;

/// What is done to the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Genre {
    /// The body of a function is a fixed value.
    FnValue,
    /// `==` is `!=`, and so on.
    BinaryOperator,
    /// `!` or `-` is gone.
    UnaryOperator,
    /// An arm of a match that has one for everything else is gone.
    MatchArm,
    /// The condition of an arm is always or never true.
    MatchArmGuard,
    /// A field of a struct that takes the others from another one is gone.
    StructField,
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// The file, from the workspace's root.
    pub file: String,
    /// The function around it, if there is one.
    pub function: Option<Function>,
    /// What is done.
    pub genre: Genre,
    /// It in words, with its place: cargo-mutants' own name for it.
    pub name: String,
    /// What takes the place of the text in `span`; it may be nothing.
    pub replacement: String,
    /// The text that is other.
    pub span: Span,
}

impl Listed {
    /// The function around it by its name with that of its type, or nothing.
    #[must_use]
    pub fn function(&self) -> &str {
        self.function.as_ref().map_or("", |function| function.function_name.as_str())
    }
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Function {
    /// Its name, with that of its type.
    pub function_name: String,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Span {
    /// Its first character.
    pub start: Position,
    /// The first one after it.
    pub end: Position,
}

/// A character of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
}

impl Position {
    /// Where it is in the text, in bytes.
    pub(super) fn offset(self, text: &str) -> Option<usize> {
        let mut lines = text.split_inclusive('\n');
        let before: usize = lines.by_ref().take(self.line.checked_sub(1)?).map(str::len).sum();
        let line = lines.next()?;
        let column = self.column.checked_sub(1)?;
        let mut columns = line.char_indices().map(|(at, _)| at).chain([line.len()]);
        Some(before + columns.nth(column)?)
    }
}

pub(super) fn read(json: &str) -> Result<Vec<Listed>, String> {
    serde_json::from_str(json).map_err(|error| format!("it is no list of `cargo mutants --list --json`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cargo-mutants 27.1.0 printed it.
    const PRINTED: &str = r#"[{
        "file": "src/a.rs",
        "function": {
            "function_name": "Machine::fill",
            "return_type": "",
            "span": {"end": {"column": 6, "line": 181}, "start": {"column": 5, "line": 163}}
        },
        "genre": "BinaryOperator",
        "name": "src/a.rs:168:43: replace < with == in Machine::fill",
        "package": "a-package",
        "replacement": "==",
        "span": {"end": {"column": 44, "line": 168}, "start": {"column": 43, "line": 168}}
    }]"#;

    #[test]
    fn what_is_printed_is_read() {
        let Ok(all) = read(PRINTED) else { panic!("it is a list") };
        let [listed] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(
            (listed.function(), listed.genre, &*listed.replacement),
            ("Machine::fill", Genre::BinaryOperator, "==")
        );
        assert_eq!(listed.span.start, Position { line: 168, column: 43 });
    }

    #[test]
    fn what_is_no_list_is_refused_in_a_line() {
        for json in ["", "{}", "[{}]", &PRINTED.replace("BinaryOperator", "Unknown")] {
            let error = read(json).err().unwrap_or_default();
            assert!(error.starts_with("it is no list of ") && !error.contains('\n'), "{json}: {error}");
        }
    }

    #[test]
    fn columns_are_characters() {
        let text = "ab\nä = 1\n";
        let at = |line, column| Position { line, column }.offset(text);
        assert_eq!((at(1, 1), at(1, 3), at(2, 2)), (Some(0), Some(2), Some(5)));
        assert_eq!((at(0, 1), at(1, 0), at(1, 9), at(9, 1)), (None, None, None, None));
    }
}
