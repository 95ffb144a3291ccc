//! Findings as people read them: what broke, in how small a run, and step by step. One fits on a few screens; what does not
//! fit is in a file.

mod fold;
mod layout;
mod world;

pub use fold::folded;
pub use layout::shortened;
pub use world::{AnyWorld, Shown};

use crate::{
    engine::{Line, effort},
    plan::{Document, NotMinimised, write},
};
#[cfg(feature = "cli")]
use rustc_hash::FxHasher;
#[cfg(feature = "cli")]
use std::hash::{Hash, Hasher};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The extensions of a finding's files: its scenario, and all of its report.
const SCENARIO: &str = "toml";
const WHOLE: &str = "txt";

/// Where a failing run comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Which run it is, in words: `seed 5 of \"swarm\"`.
    pub run: String,
    /// The same as a part of a file's name.
    pub name: String,
    /// The key `world` of its scenario, if it needs one.
    pub world: Option<&'static str>,
    /// The mistake that is on, and what it is.
    pub bug: Option<(String, String)>,
    /// The command that made its scenario.
    pub made_by: Option<String>,
}

/// A failing run, ready to be told.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which run broke which law.
    pub headline: String,
    /// What is promised, what happened instead, and how small the run is.
    head: Vec<String>,
    /// What its files are called.
    name: String,
    /// Comments of the scenario's head.
    comments: Vec<String>,
    made_by: Option<String>,
    /// The scenario below them.
    scenario: String,
    trace: Vec<String>,
}

/// Where findings are written: the folder `findings` in the `target` folder that this program was built in, or beside it.
#[must_use]
pub fn folder() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let target = program.ancestors().filter(|folder| folder.ends_with("target")).last();
    target.or(program.parent()).unwrap_or(Path::new("")).join("findings")
}

/// A path as it is typed here, in a shell.
pub(crate) fn typed(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(here).unwrap_or(path);
    // A command would take it for an option.
    let path = if path.to_string_lossy().starts_with('-') { Path::new(".").join(path) } else { path.to_owned() };
    let text = path.to_string_lossy();
    shlex::try_quote(&text).unwrap_or_else(|_| text.clone()).into_owned()
}

/// The run of this document, which breaks a law; `effort` says how small it is.
#[must_use]
pub fn told(world: &dyn AnyWorld, document: &Document, origin: Origin, effort: String) -> Finding {
    let Origin { run, name, world: of, bug, made_by } = origin;
    let shown = world.run(document, None);
    let (law, step, what) = match &shown.breaks {
        Some(breaks) => (breaks.law, breaks.step, breaks.what.as_str()),
        None => ("", 0, ""),
    };
    let promises = world.laws().into_iter().find(|(known, _)| *known == law).map(|(_, promises)| promises);
    let mut head: Vec<String> = promises.iter().map(|promises| format!("\"{law}\" promises: {promises}")).collect();
    head.extend(layout::wrapped(&format!("what happened: {what}")));
    head.push(effort);
    let full_stop = |text: &str| if text.ends_with('.') { text.to_owned() } else { format!("{text}.") };
    let comments = promises.map(|promises| (law.to_owned(), promises.to_owned())).into_iter().chain(bug.clone());
    let comments = comments.map(|(name, says)| format!("{name}: {}", full_stop(&says))).collect();
    let about = what.split_whitespace().collect::<Vec<_>>().join(" ");
    // It is run when all is well again, too.
    let about = [("about", format!("once broke {law}: {about}"))].into_iter();
    let keys = about.chain(of.map(|world| ("world", world.to_owned()))).chain([("law", law.to_owned())]);
    let keys: Vec<(&str, String)> = keys.chain(bug.iter().map(|(name, _)| ("bug", name.clone()))).collect();
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, text)| (*key, text.as_str())).collect();
    let part = |text: &str| text.split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>().join("-");
    let bug = bug.map_or(String::new(), |(bug, _)| format!("-{bug}"));
    Finding {
        headline: format!("{run} breaks \"{law}\" at step {step}"),
        head,
        name: format!("{}-{}{bug}", part(&name), part(law)),
        comments,
        made_by,
        scenario: write(world.schema(), &[], &keys, document),
        trace: shown.trace(),
    }
}

/// Makes the failing run of this document small, and tells of it.
///
/// # Errors
/// [`NotMinimised`]: it breaks no law, or not again.
pub fn small(
    world: &dyn AnyWorld,
    document: &Document,
    origin: Origin,
    within: Duration,
) -> Result<Finding, NotMinimised> {
    let small = world.minimise(document, within)?;
    let effort = effort(small.document.items(), small.of, small.runs, small.took, small.is_complete);
    Ok(told(world, &small.document, origin, format!("made small: {effort}")))
}

impl Finding {
    /// The scenario, to be run by this command.
    #[must_use]
    pub fn scenario(&self, run_by: Option<&str>) -> String {
        let run_by = run_by.map(|command| format!("{command} runs it."));
        let made_by = self.made_by.as_ref().map(|command| format!("{command} made it."));
        let comments = self.comments.iter().cloned().chain(run_by).chain(made_by);
        comments.map(|comment| format!("# {comment}\n")).chain([self.scenario.clone()]).collect()
    }

    /// The whole report, with its scenario written to `file`, or among the other findings. `command` says how a scenario is
    /// run, up to the name of its file; `repeat` is the last line.
    ///
    /// # Errors
    /// The scenario cannot be written to `file`.
    pub fn tell(&self, file: Option<&Path>, command: Option<&str>, repeat: Option<&str>) -> io::Result<String> {
        let among_others = folder().join(format!("{}.{SCENARIO}", self.name));
        let path = file.unwrap_or(&among_others);
        let typed_path = typed(path);
        let run_by = command.map(|command| format!("{command} {typed_path}"));
        let plan = self.scenario(run_by.as_deref());
        let place = match (put(path, &plan), file) {
            (Ok(()), _) => match &run_by {
                Some(run_by) => format!("run it with: {run_by}"),
                None => format!("keep it: {typed_path}"),
            },
            (Err(error), None) => format!("it is in no file: {typed_path}: {error}"),
            (Err(error), Some(_)) => return Err(error),
        };
        let tail: Vec<String> = [place].into_iter().chain(repeat.map(str::to_owned)).collect();
        let head: Vec<String> = [self.headline.clone()].into_iter().chain(self.head.iter().cloned()).collect();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let plan = lines(&plan);
        // What is said of several values has a line for each.
        let trace: Vec<String> = self.trace.iter().flat_map(|line| lines(line)).collect();
        let page = layout::page(&head, &plan, &trace, &tail, None);
        if !page.contains(layout::LEFT_OUT) {
            return Ok(page);
        }
        let whole = among_others.with_extension(WHOLE);
        let everything = [head.join("\n"), plan.join("\n"), trace.join("\n"), tail.join("\n")].join("\n\n");
        let place = match put(&whole, &format!("{everything}\n")) {
            Ok(()) => format!("all of it: {}", typed(&whole)),
            Err(error) => format!("the rest is in no file: {}: {error}", typed(&whole)),
        };
        Ok(layout::page(&head, &plan, &trace, &tail, Some(&place)))
    }
}

/// Keeps a scenario among the findings, in a file whose name begins so: its path, as it is typed here.
#[cfg(feature = "cli")]
pub(crate) fn keep(name: &str, text: &str) -> io::Result<String> {
    // The same run has the same file, and no other one.
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    let path = folder().join(format!("{name}-{:016x}.{SCENARIO}", hasher.finish()));
    put(&path, text)?;
    Ok(typed(&path))
}

fn put(file: &Path, text: &str) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(file, text)
}

impl Shown {
    /// The lines that say something, up to the law that breaks; repeated patterns folded.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        let end = self.lines.iter().position(|line| line.who == "LAW").map_or(self.lines.len(), |at| at + 1);
        let lines: Vec<Line> = self.lines[..end].iter().filter(|line| !line.who.is_empty()).cloned().collect();
        folded(&lines)
    }

    /// What came of it, in a line.
    #[must_use]
    pub fn verdict(&self) -> String {
        let ends: String = self.ends.iter().map(|ends| format!("; {ends}")).collect();
        match &self.breaks {
            Some(breaks) => format!("VIOLATION of \"{}\" at step {}: {}\n", breaks.law, breaks.step, breaks.what),
            None if self.steps == 1 => format!("no law is broken in 1 step{ends}\n"),
            None => format!("no law is broken in {} steps{ends}\n", self.steps),
        }
    }
}
