//! Both answers to each question of an experiment, side by side, as a snapshot that a person reviews.
//!
//! Where the two differ a reason must be given, and where they agree none may be.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::PathBuf,
};

const NOT_SIMULATED: &str = "(not simulated)";

/// What the simulated platform answered. It may answer in several ways, by its draws.
pub struct Findings {
    experiment: &'static str,
    about: &'static str,
    answers: Vec<(String, BTreeSet<String>)>,
    reasons: BTreeMap<String, &'static str>,
}

impl Findings {
    pub fn new(experiment: &'static str, about: &'static str) -> Self {
        Self { experiment, about, answers: Vec::new(), reasons: BTreeMap::new() }
    }

    /// An answer. One more to the same question is another way in which it may go.
    pub fn say(&mut self, question: impl Into<String>, answer: impl Into<String>) {
        let (question, answer) = (question.into(), answer.into());
        match self.answers.iter_mut().find(|(known, _)| *known == question) {
            Some((_, answers)) => drop(answers.insert(answer)),
            None => self.answers.push((question, BTreeSet::from([answer]))),
        }
    }

    pub fn yes(&mut self, question: impl Into<String>, is: bool) {
        self.say(question, if is { "yes" } else { "no" });
    }

    /// Why the real runtime answers these in another way.
    pub fn differ(&mut self, questions: &[&str], reason: &'static str) {
        for question in questions {
            let twice = self.reasons.insert((*question).to_owned(), reason);
            assert!(twice.is_none(), "two reasons for {question:?}");
        }
    }

    /// Questions that the simulated platform cannot be asked, and why not.
    pub fn not_simulated(&mut self, questions: &[&str], reason: &'static str) {
        for question in questions {
            self.say(*question, NOT_SIMULATED);
        }
        self.differ(questions, reason);
    }

    /// Compares with what was observed, and with the snapshot that was reviewed.
    pub fn review(mut self) {
        let mut observed = observed(self.experiment);
        let mut text = format!("{}\n", self.about);
        for (question, answers) in &self.answers {
            let Some(real) = observed.remove(question) else {
                panic!("{}: workerd was not asked: {question}", self.experiment);
            };
            let simulated = answers.iter().map(String::as_str).collect::<Vec<_>>().join(", or ");
            let _ = write!(text, "\n{question}\n");
            let reason = self.reasons.remove(question);
            if real == simulated {
                assert!(reason.is_none(), "a reason where both agree: {question}");
                let _ = writeln!(text, "    both       {real}");
                continue;
            }
            let Some(reason) = reason else {
                panic!("{}: {question}\n  workerd: {real}\n  simulated: {simulated}\n  why?", self.experiment);
            };
            let _ = writeln!(text, "    workerd    {real}\n    simulated  {simulated}\n    differ     {reason}");
        }
        assert!(observed.is_empty(), "{}: the simulator was not asked {observed:?}", self.experiment);
        assert!(self.reasons.is_empty(), "{}: reasons without a question: {:?}", self.experiment, self.reasons);
        crate::reviewed::snapshot(&format!("experiments_{}", self.experiment), &text);
    }
}

/// What workerd answered: `npm --prefix worker run experiments` writes it.
fn observed(experiment: &str) -> BTreeMap<String, String> {
    let committed = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../worker/experiments/observed.json"));
    let path = env::var_os("PROXY_FETCH_OBSERVED").map_or_else(committed, PathBuf::from);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let mut all: BTreeMap<String, BTreeMap<String, String>> = match serde_json::from_str(&text) {
        Ok(all) => all,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    match all.remove(experiment) {
        Some(findings) => findings,
        None => panic!("{}: there is no experiment {experiment}", path.display()),
    }
}
