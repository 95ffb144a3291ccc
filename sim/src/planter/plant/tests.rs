//! What is planted, and what cannot be, of texts made up for it.

use super::{super::crates::tests::crates, *};

const FILE: &str = "fn f(a: u32) -> u32 {\n    let b = a + LIMIT;\n    log(b);\n    match b {\n        0 => LEAST,\n        b => b,\n    }\n}\n";

fn edit(find: &str, within: Option<&str>, replace: &str) -> Edit {
    let (find, within, replace) = (find.into(), within.map(Into::into), replace.into());
    Edit { file: "src/a.rs".into(), find, within, replace, at: None }
}

fn mutant(name: &str, edits: &[Edit]) -> Mutant {
    let (name, edits) = (name.to_owned(), edits.to_vec());
    Mutant {
        name,
        what: "wrong".into(),
        world: "counter".into(),
        soon: None,
        edits,
        items: Vec::new(),
        always: Vec::new(),
    }
}

/// What becomes of the file, without white space.
fn planted(mutants: &[Mutant]) -> Result<String, Vec<String>> {
    let read = |file: &str| match file {
        "src/a.rs" => Ok(FILE.to_owned()),
        "src/lib.rs" => Ok("mod a;\n".to_owned()),
        other => Err(format!("{other} is not there")),
    };
    match plant(mutants, &crates(&["src/lib.rs"]), read) {
        Ok(planted) => Ok(planted.files["src/a.rs"].split_whitespace().collect::<Vec<_>>().join(" ")),
        Err(problems) => Err(problems.iter().map(Problem::to_string).collect()),
    }
}

fn plain(mutants: &[Mutant], part: &str) {
    match planted(mutants) {
        Ok(text) => assert!(text.contains(part), "{part} is not in {text}"),
        Err(problems) => panic!("{problems:?}"),
    }
}

fn on(number: usize) -> String {
    format!("if crate::__mutants::is_on({number})")
}

#[test]
fn an_expression_is_one_still() {
    plain(
        &[mutant("A", &[edit("LIMIT", None, "LIMIT - 1")])],
        &format!("let b = a + ({} {{ LIMIT - 1 }} else {{ LIMIT }});", on(0)),
    );
}

#[test]
fn statements_and_blocks_are_ones_still() {
    plain(&[mutant("A", &[edit("log(b);", None, "")])], &format!("; {} {{ }} else {{ log(b); }} match", on(0)));
    let find = "match b {\n        0 => LEAST,\n        b => b,\n    }";
    plain(
        &[mutant("A", &[edit(find, None, "b // as it is")])],
        &format!("log(b); {} {{ b // as it is }} else {{ match b {{ 0", on(0)),
    );
}

#[test]
fn one_text_may_have_many_mistakes() {
    let mutants = ["1", "2", "3"].map(|text| mutant(&format!("M{text}"), &[edit("LIMIT", None, text)]));
    let chain = format!("({} {{ 1 }} else {} {{ 2 }} else {} {{ 3 }} else {{ LIMIT }})", on(0), on(1), on(2));
    plain(&mutants, &chain);
}

/// The inner one is where the outer one is off, whatever their order in the table.
#[test]
fn one_text_may_lie_within_another() {
    let (outer, inner) = (mutant("A", &[edit("a + LIMIT", None, "a")]), mutant("B", &[edit("LIMIT", None, "1")]));
    let nested = |outer, inner| format!("let b = ({outer} {{ a }} else {{ a + ({inner} {{ 1 }} else {{ LIMIT }}) }});");
    plain(&[outer.clone(), inner.clone()], &nested(on(0), on(1)));
    plain(&[inner, outer], &nested(on(1), on(0)));
    // Two within one, and one within one of them.
    let whole = mutant("A", &[edit("let b = a + LIMIT;\n    log(b);", None, "return 0;")]);
    let parts = [
        mutant("B", &[edit("a + LIMIT", None, "1")]),
        mutant("C", &[edit("log(b);", None, "")]),
        mutant("D", &[edit("LIMIT", None, "2")]),
    ];
    let nested = format!(
        "{} {{ return 0; }} else {{ let b = ({} {{ 1 }} else {{ a + ({} {{ 2 }} else {{ LIMIT }}) }}); {} {{ }} else {{ log(b); }} }}",
        on(0),
        on(1),
        on(3),
        on(2)
    );
    plain(&[vec![whole], parts.to_vec()].concat(), &nested);
}

/// Who knows where a text is need not find it, and what is always so is written once.
#[test]
fn a_program_says_where_a_text_is() {
    let at = |at: Range<usize>, replace: &str| Edit { at: Some(at.clone()), ..edit(&FILE[at], None, replace) };
    let of = |name, place: usize| {
        let mut mutant = mutant(name, &[at(place..place + 3, "u64")]);
        mutant.always = vec![at(0..2, "const fn")];
        mutant
    };
    let [first, second] = [FILE.find("u32"), FILE.rfind("u32")].map(|place| place.unwrap_or_default());
    let chain = |number| format!("({} {{ u64 }} else {{ u32 }})", on(number));
    let both = format!("const fn f(a: {}) -> {} {{", chain(0), chain(1));
    plain(&[of("A", first), of("B", second)], &both);
    let (gone, mut clash) = (mutant("A", &[Edit { find: "u64".into(), ..at(first..first + 3, "") }]), of("A", first));
    assert_eq!(planted(&[gone]), Err(vec!["src/a.rs: A: the text is not there: `u64`".to_owned()]));
    clash.always.push(at(0..2, "fn"));
    let error = "src/a.rs: A and A: their texts overlap, and neither lies within the other";
    assert_eq!(planted(&[clash]), Err(vec![error.to_owned()]));
}

/// So that a compiler's error can be laid to the mistake whose text it is about.
#[test]
fn each_mistake_is_known_by_where_its_text_went() {
    let (outer, inner) = (mutant("A", &[edit("a + LIMIT", None, "a")]), mutant("B", &[edit("LIMIT", None, "1")]));
    match plant(&[outer, inner], &crates(&["src/lib.rs"]), |_| Ok(FILE.to_owned())) {
        Ok(Planted { files, branches, .. }) => {
            let of = |(at, number): &(Range<usize>, usize)| (&files["src/a.rs"][at.clone()], *number);
            assert_eq!(branches["src/a.rs"].iter().map(of).collect::<Vec<_>>(), [("a", 0), ("1", 1)]);
        }
        Err(problems) => panic!("{problems:?}"),
    }
}

#[test]
fn other_overlaps_are_named() {
    let mutants = [mutant("A", &[edit("LIMIT;\n    log", None, "1")]), mutant("B", &[edit("a + LIMIT", None, "2")])];
    let error = "src/a.rs: B and A: their texts overlap, and neither lies within the other";
    assert_eq!(planted(&mutants), Err(vec![error.to_owned()]));
    let twice = [mutant("A", &[edit("LIMIT", None, "1"), edit("LIMIT", None, "2")])];
    assert_eq!(planted(&twice), Err(vec!["src/a.rs: A: it has two edits at one text".to_owned()]));
}

#[test]
fn a_text_is_found_once_or_named() {
    let one = |find: &str, within: Option<&str>| planted(&[mutant("A", &[edit(find, within, "1")])]);
    assert_eq!(one("MOST", None), Err(vec!["src/a.rs: A: the text is not found: `MOST`".to_owned()]));
    assert_eq!(one("b => b", None).map(|_| ()), Ok(()));
    assert_eq!(one("u32", None), Err(vec!["src/a.rs: A: the text is found more than once: `u32`".to_owned()]));
    assert_eq!(one("log(b);\nmatch", None), Err(vec!["src/a.rs: A: the text is not found: `log(b); …`".to_owned()]));
    // Occurrences may overlap.
    let twice = once("aaa", "aa", "it");
    assert!(twice.is_err_and(|error| error.contains("more than once")));

    assert!(one("u32", Some("-> u32")).is_ok_and(|text| text.starts_with("fn f(a: u32) -> (if ")));
    for (find, within, why) in [
        ("u32", "u32", "the text to look within is found more than once: `u32`"),
        ("u32", "-> u64", "the text to look within is not found: `-> u64`"),
        ("LIMIT", "-> u32", "in the text to look within, the text is not found: `LIMIT`"),
        ("u32", "(a: u32) -> u32", "in the text to look within, the text is found more than once: `u32`"),
    ] {
        assert_eq!(one(find, Some(within)), Err(vec![format!("src/a.rs: A: {why}")]));
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut other = edit("LIMIT", None, "1");
    other.file = "src/gone.rs".into();
    let mut outside = edit("LIMIT", None, "1");
    outside.file = "doc/a.rs".into();
    let mutants = [
        mutant("A", &[edit("MOST", None, "1"), edit("u32", None, "1")]),
        mutant("B", &[other]),
        mutant("C", &[outside]),
    ];
    assert_eq!(
        planted(&mutants),
        Err([
            "doc/a.rs: C: doc/a.rs is not there",
            "src/a.rs: A: the text is not found: `MOST`",
            "src/a.rs: A: the text is found more than once: `u32`",
            "src/gone.rs: B: src/gone.rs is not there",
            "doc/a.rs: C: it belongs to no crate of the workspace",
        ]
        .map(str::to_owned)
        .to_vec())
    );
}

#[test]
fn items_come_to_the_end_once_and_the_root_has_the_module() {
    let item = |code: &str| Item { file: "src/a.rs".into(), code: code.into() };
    let mut mutants = ["A", "B"].map(|name| mutant(name, &[edit("LIMIT", None, &format!("{name}()"))]));
    mutants[0].items = vec![item("fn a() {}\n"), item("fn b() {}")];
    mutants[1].items = vec![item("fn b() {}")];
    match plant(&mutants, &crates(&["src/lib.rs"]), |_| Ok(FILE.to_owned())) {
        Ok(Planted { mutants, files, .. }) => {
            assert!(files["src/a.rs"].ends_with("}\n\nfn a() {}\n\nfn b() {}\n"), "{}", files["src/a.rs"]);
            let root = &files["src/lib.rs"];
            assert!(
                root.starts_with(FILE) && root.contains("mod __mutants {") && root.contains(r#"["A","B",]"#),
                "{root}"
            );
            assert_eq!((mutants, files.len()), (2, 2));
        }
        Err(problems) => panic!("{problems:?}"),
    }
}
