//! What `cargo sim mutants` sees to in the planted copy besides what the framework does: that a failing seed becomes small,
//! that a path breaks its law, that the failure in README is what is printed; and what some mistakes must be found by.

use durable_sim::{
    cli::{Copies, Kill, each},
    plan::{Document, Simulation, read, text_at},
};
use proxy_fetch_sim::{mutants::LENSES, proxy::ProxyRuns, queue::QueueRuns};
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Whatever else must hold.
enum Check {
    /// A path of `sim/worlds/scenarios`.
    Path(PathBuf),
    /// A steered campaign that ends with its finding comes to it again, on other threads.
    Steered(&'static str),
    /// The search that found the bug comes to it again.
    Searched(&'static str),
    /// The first failing seed of a bug; and of how many items it is when it is small.
    Small(&'static str, usize),
    /// The failure that README shows.
    Readme,
    /// A bug that is asked for goes before that of the file: what the trace then says.
    Other { file: &'static str, bug: &'static str, says: &'static str },
    /// What the copy prints with no bug on is what this program prints.
    Same(&'static str),
    /// In this way this law finds this bug, and says so.
    Verdict { bug: &'static str, lens: &'static str, law: &'static str, says: &'static str },
}

const CHECKS: [Check; 23] = [
    Check::Readme,
    Check::Steered("DueOneLate"),
    Check::Searched("RetryEarly"),
    Check::Small("RetryAfterIgnored", 8),
    Check::Small("SixthSlot", 8),
    Check::Small("NameForgottenAtEnd", 8),
    Check::Small("CancelIgnoresFlight", 8),
    Check::Small("RedirectUnchecked", 8),
    Check::Small("SixthMessage", 12),
    Check::Small("EndNotRemembered", 5),
    Check::Small("DelayRoundedDown", 3),
    Check::Other { file: "no_retry_was_asked_for.toml", bug: "AttemptCountedLate", says: "went from 0 to 0" },
    Check::Same("replay 1"),
    Check::Same("replay 2 --profile calm"),
    Check::Same("replay --world queue 1"),
    Check::Same("run --steer --seeds 64 --json --jobs 1"),
    Check::Same("shell 1"),
    // What the reference model alone sees counts as found, and as no law; what a law sees there too has its name.
    Check::Verdict { bug: "UnreadPayloadDeleted", lens: "reference", law: "model", says: "payloads" },
    Check::Verdict { bug: "AlarmAtPresent", lens: "reference", law: "L3", says: "alarm" },
    // The machine's own sum is not taken for what is promised.
    Check::Verdict { bug: "JitterBelowMinimum", lens: "swarm", law: "S7", says: "ms are promised" },
    // The words of the command that repeats it.
    Check::Verdict { bug: "RetryEarly", lens: "swarm", law: "S7", says: "" },
    Check::Verdict { bug: "DeadLetterFetched", lens: "swarm", law: "Q4", says: "" },
    Check::Verdict { bug: "RetriesBeforeCommit", lens: "shell", law: "S4", says: "" },
];

/// Looks at all; what does not hold is said in a line. `jobs` processes run at a time.
pub(super) fn run(copies: &Copies<'_>, jobs: usize) -> Vec<Result<(), String>> {
    let paths = match paths() {
        Ok(paths) => paths.into_iter().map(Check::Path),
        Err(error) => return vec![Err(error)],
    };
    let sides = Sides { copies };
    // Those that take long first, so that they run beside the others.
    let all: Vec<Check> = CHECKS.into_iter().chain(paths).collect();
    each(&all, jobs, |check| sides.hold(check))
}

fn paths() -> Result<Vec<PathBuf>, String> {
    let folder = scenarios();
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let paths =
        entries.map_err(|error| format!("{}: {error}", folder.display()))?.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|kind| kind == "path")).collect())
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

struct Sides<'a> {
    copies: &'a Copies<'a>,
}

impl Sides<'_> {
    fn hold(&self, check: &Check) -> Result<(), String> {
        match check {
            Check::Path(file) => self.path(file).map_err(|why| format!("{}: {why}", file.display())),
            Check::Steered(bug) => self.steered(bug).map_err(|why| format!("{bug}, steered: {why}")),
            Check::Searched(bug) => self.searched(bug).map_err(|why| format!("{bug}, searched: {why}")),
            Check::Small(bug, most) => self.small(bug, *most).map_err(|why| format!("{bug}, made small: {why}")),
            Check::Readme => self.readme().map_err(|why| format!("the failure in README: {why}")),
            Check::Other { file, bug, says } => {
                let file = scenarios().join(file).display().to_string();
                let ran = self.copies.with(bug, &["scenario", &file, "--bug", bug]);
                ran.and_then(|ran| ran.ends(1, says)).map(drop).map_err(|why| format!("{file} with {bug}: {why}"))
            }
            Check::Same(command) => {
                let words: Vec<&str> = command.split_whitespace().collect();
                self.same(&words).map_err(|why| format!("cargo sim {command}: {why}"))
            }
            Check::Verdict { bug, lens, law, says } => {
                let kill = self.kill(bug, lens)?;
                let is_so = kill.law == *law && kill.what.contains(says);
                is_so.then_some(()).ok_or_else(|| format!("{bug} by {lens}: {}: {}, not {law}", kill.law, kill.what))
            }
        }
    }

    /// What this way to look found of the bug.
    fn kill(&self, bug: &str, lens: &str) -> Result<&Kill, String> {
        let found = self.copies.found(bug)?;
        // As the framework has them: three that every world has, then those of this workspace.
        let usual: &[&str] = if found.mutant.world == "shell" { &[] } else { &["swarm", "steered", "explore"] };
        let others = LENSES.iter().filter(|lens| lens.world == found.mutant.world).map(|lens| lens.name);
        let at = usual.iter().copied().chain(others).position(|known| known == lens);
        let kill = at.and_then(|at| found.kills.get(at)?.as_ref());
        kill.ok_or_else(|| format!("{bug} is not found by {lens}"))
    }

    /// Times of the wall are no part of what a campaign finds.
    fn same(&self, words: &[&str]) -> Result<(), String> {
        if !words.contains(&"--json") {
            return self.copies.same(words);
        }
        let read = |text: &str| -> Result<Value, String> {
            let mut value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            value["wall_us"] = Value::Null;
            Ok(value)
        };
        let (copy, here) = (self.copies.without(words)?, self.copies.here(words)?);
        if read(&copy.out)? == read(&here.out)? { Ok(()) } else { Err("they find something else".into()) }
    }

    /// With its bug a path breaks its law, and without it none.
    fn path(&self, path: &Path) -> Result<(), String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let (bug, law) = of_path(&text).ok_or("its first two lines name no bug and no law")?;
        let file = path.display().to_string();
        self.copies.with(bug, &["search", "--path", &file])?.ends(1, &format!(" {law}: "))?;
        self.copies.same(&["search", "--path", &file, "--without-bug"])
    }

    fn steered(&self, bug: &str) -> Result<(), String> {
        let kill = self.kill(bug, "steered")?;
        let words: Vec<&str> = self.copies.words(&kill.repeat).into_iter().chain(["--jobs", "2"]).collect();
        // Its document is all that the finding needs: it is made small by itself.
        self.copies.with(bug, &words)?.ends(1, "made small: ")?;
        let told = self.copies.with(bug, &[&words[..], &["--json"]].concat())?;
        let told: Value = serde_json::from_str(&told.out).map_err(|error| error.to_string())?;
        let [only] = told["violations"].as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(format!("{} finds {}", kill.repeat, told["violations"]));
        };
        let is_same = only["law"] == kill.law && only["what"] == kill.what && only["seed"] == kill.cost - 1;
        is_same.then_some(()).ok_or_else(|| format!("{} finds {only}", kill.repeat))
    }

    fn searched(&self, bug: &str) -> Result<(), String> {
        let kill = self.kill(bug, "search")?;
        let words = self.copies.words(&kill.repeat);
        self.copies.with(bug, &words)?.ends(1, &format!(" breaks {}: ", kill.law)).map(drop)
    }

    /// Little is left, plain and in order; it breaks the same law, and its file says how it came about.
    fn small(&self, bug: &str, most: usize) -> Result<(), String> {
        let kill = self.kill(bug, "swarm")?;
        let is_queue = self.copies.found(bug)?.mutant.world == "queue";
        let (seed, law) = ((kill.cost - 1).to_string(), kill.law.as_str());
        let path = durable_sim::finding::folder().join(format!("small-{bug}.toml"));
        let file = path.display().to_string();
        let ran = self.copies.with(bug, &["shrink", &seed, "--bug", bug, "-o", &file])?.ends(1, "made small: ")?;
        let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        let document = document(&text).map_err(|error| format!("{file}: {error}"))?;
        let (left, before) = items(&ran.out).ok_or("it does not say how small it is")?;
        let numbers = document.lists.get("requests");
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let [says, is, run, made] = head.as_slice() else { return Err(format!("{file} begins with {head:?}")) };
        // The trace ends as the law breaks; then the commands are told.
        let trace = ran.out.lines().take_while(|line| !line.starts_with("run it with: "));
        let last = trace.filter(|line| !line.is_empty()).last().unwrap_or_default();
        let (of_bug, of_law) = (text_at(&text, "bug"), text_at(&text, "law"));
        for (is_so, what) in [
            (left == document.items() && left <= most && left < before, format!("{left} of {before} items")),
            (of_bug.as_deref() == Some(bug) && of_law.as_deref() == Some(law), format!("{of_bug:?} {of_law:?}")),
            (
                // A ULID of the queue has the number in it, and with it the jitter.
                is_queue || numbers.is_none_or(|items| items.keys().copied().eq(0..items.len() as u32)),
                "numbers are left out".to_owned(),
            ),
            (says.starts_with(&format!("# {law}: ")) && is.starts_with(&format!("# {bug}: ")), format!("{says} {is}")),
            (run.starts_with("# cargo sim scenario ") && run.ends_with(" runs it."), (*run).to_owned()),
            (*made == format!("# cargo sim shrink {seed} --bug {bug} made it."), (*made).to_owned()),
            (last.contains(&format!(" {law}: ")), format!("the trace ends with {last}")),
        ] {
            if !is_so {
                return Err(format!("{file}: {what}"));
            }
        }
        self.copies.with(bug, &["scenario", &file])?.ends(1, &format!("VIOLATION of \"{law}\"")).map(drop)
    }

    /// The failure in README is what is printed, but for how long it took.
    fn readme(&self) -> Result<(), String> {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
        let readme = fs::read_to_string(readme).map_err(|error| error.to_string())?;
        let mut blocks = readme.split("\n```");
        let block = blocks.find(|block| block.contains("\nbug = \"")).ok_or("it shows no failure")?;
        let made = |line: &str| Some(line.strip_prefix("# cargo sim shrink ")?.strip_suffix(" made it.")?.to_owned());
        let command = block.lines().find_map(made).ok_or("it does not say which command made it")?;
        let words: Vec<&str> = ["shrink"].into_iter().chain(command.split(' ')).collect();
        let bug = words.last().copied().unwrap_or_default();
        let ran = self.copies.with(bug, &words)?.ends(1, "made small: ")?;
        let without_time = |line: &&str| !line.starts_with("made small: ");
        // The first line names the language of the block.
        let shown: Vec<&str> = block.lines().skip(1).filter(without_time).collect();
        let printed: Vec<&str> = ran.out.lines().filter(without_time).collect();
        if shown == printed {
            return Ok(());
        }
        let differs = shown.iter().zip(&printed).position(|(shown, printed)| shown != printed);
        let at = differs.unwrap_or(shown.len().min(printed.len()));
        let line = |of: &[&str]| of.get(at).map_or_else(|| "nothing more".to_owned(), |line| format!("{line:?}"));
        Err(format!("it shows {}, and {} is printed", line(&shown), line(&printed)))
    }
}

/// The document of a scenario, of whichever world it is.
fn document(text: &str) -> Result<Document, String> {
    let is_queue = text_at(text, "world").is_some_and(|world| world == QueueRuns::NAME);
    let schema = if is_queue { QueueRuns::SCHEMA } else { ProxyRuns::SCHEMA };
    read(schema, text).map(|(_, document)| document).map_err(|error| error.to_string())
}

/// `made small: 3 items are left of 40; …`.
fn items(text: &str) -> Option<(usize, usize)> {
    let size = text.lines().find_map(|line| line.strip_prefix("made small: "))?.split(';').next()?;
    let (left, before) = size.split_once(" left of ")?;
    Some((left.split(' ').next()?.parse().ok()?, before.parse().ok()?))
}

/// The bug of a path's first line, and the law of its second.
fn of_path(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.lines();
    let bug = lines.next()?.split_whitespace().skip_while(|word| *word != "--bug").nth(1)?;
    Some((bug, lines.next()?.strip_prefix("# ")?.split_once(':')?.0))
}
