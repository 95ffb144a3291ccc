//! What `cargo sim mutants` sees to in the planted copy besides the kills: that with its bug each file of the corpus
//! breaks its law, that a kill repeats with the command that it names and a failing seed becomes small; and that with no
//! bug on the copy is what it was made of.

use durable_sim::planter::PlantedCopy;
use proxy_fetch_sim::{
    bugs,
    mutants::{Board, Found, each},
    scenario::Scenario,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Whatever else must hold.
enum Check {
    /// A file of `sim/worlds/scenarios`: a plan or a path.
    Corpus(PathBuf),
    /// A bug's first kill that one seed repeats.
    Repeat(Found),
    /// A steered campaign that ends with its finding comes to it again, on other threads.
    Steered(&'static str),
    /// The search that found the bug comes to it again.
    Explored(&'static str),
    /// The first failing seed of a bug; and of how many items it is when it is small.
    Small(&'static str, usize),
    /// The failure that README shows.
    Readme,
    /// A bug that is asked for goes before that of the file: what the trace then says.
    Other { file: &'static str, bug: &'static str, says: &'static str },
    /// What the copy prints with no bug on is what this program prints.
    Same(&'static str),
    /// Through this lens this law finds this bug, and says so.
    Verdict { bug: &'static str, lens: &'static str, law: &'static str, says: &'static str },
}

const CHECKS: [Check; 24] = [
    Check::Readme,
    Check::Steered("DueOneLate"),
    Check::Explored("RetryEarly"),
    Check::Small("RetryAfterIgnored", 8),
    Check::Small("SixthSlot", 8),
    Check::Small("NameForgottenAtEnd", 8),
    Check::Small("CancelIgnoresFlight", 8),
    Check::Small("RedirectUnchecked", 8),
    Check::Small("SixthMessage", 12),
    Check::Small("EndNotRemembered", 5),
    Check::Small("DelayRoundedDown", 3),
    Check::Other { file: "no_retry_was_asked_for.toml", bug: "AttemptCountedLate", says: "went from 0 to 0" },
    Check::Same("replay 0"),
    Check::Same("replay 1"),
    Check::Same("replay 2 --profile calm"),
    Check::Same("replay --machine queue 0"),
    Check::Same("replay --machine queue 1"),
    Check::Same("shell 1"),
    // What the reference model alone sees counts as found, and as no law; what a law sees there too has its name.
    Check::Verdict { bug: "UnreadPayloadDeleted", lens: "reference", law: "model", says: "payloads" },
    Check::Verdict { bug: "AlarmAtPresent", lens: "reference", law: "L3", says: "alarm" },
    // The machine's own sum is not taken for what is promised.
    Check::Verdict { bug: "JitterBelowMinimum", lens: "swarm", law: "S7", says: "ms are promised" },
    // The words of the command that repeats it.
    Check::Verdict { bug: "RetryEarly", lens: "swarm", law: "S7", says: "" },
    Check::Verdict { bug: "DeadLetterFetched", lens: "queue", law: "Q4", says: "" },
    Check::Verdict { bug: "RetriesBeforeCommit", lens: "shell", law: "S4", says: "" },
];

/// Looks at all; what does not hold is said in a line. `jobs` processes run at a time.
pub(super) fn run(copy: &PlantedCopy, board: &Board, jobs: usize) -> Result<Vec<Result<(), String>>, String> {
    let own = env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let sides = Sides { copy, own: &own, board };
    let corpus = corpus()?.into_iter().map(Check::Corpus);
    let kills = board.found.iter().cloned().map(Check::Repeat);
    // Those that take long first, so that they run beside the others.
    let all: Vec<Check> = CHECKS.into_iter().chain(corpus).chain(kills).collect();
    Ok(each(&all, jobs, |check| sides.hold(check), |_| {}))
}

/// The plans and paths of `sim/worlds/scenarios`.
fn corpus() -> Result<Vec<PathBuf>, String> {
    let folder = scenarios();
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let paths =
        entries.map_err(|error| format!("{}: {error}", folder.display()))?.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|kind| kind == "toml" || kind == "path")).collect())
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// What a command printed, said, and ended with.
struct Ran {
    out: String,
    notes: String,
    code: Option<i32>,
}

impl Ran {
    /// It ended so, and a line that it printed has this in it.
    fn ends(self, code: i32, says: &str) -> Result<Self, String> {
        if self.code == Some(code) && self.out.lines().any(|line| line.contains(says)) {
            return Ok(self);
        }
        let last = self.out.lines().chain(self.notes.lines()).last().unwrap_or_default();
        Err(format!("ends with {:?} and not {code}, or does not say {says:?}; its last line: {last}", self.code))
    }
}

/// The copy, and this program, which it was made of.
struct Sides<'a> {
    copy: &'a PlantedCopy,
    own: &'a Path,
    board: &'a Board,
}

impl Sides<'_> {
    fn hold(&self, check: &Check) -> Result<(), String> {
        match check {
            Check::Corpus(file) => self.corpus(file).map_err(|why| format!("{}: {why}", file.display())),
            Check::Repeat(found) => self.repeats(found).map_err(|why| format!("{}: {why}", found.bug)),
            Check::Steered(bug) => self.steered(bug).map_err(|why| format!("{bug}, steered: {why}")),
            Check::Explored(bug) => self.explored(bug).map_err(|why| format!("{bug}, explored: {why}")),
            Check::Small(bug, most) => self.small(bug, *most).map_err(|why| format!("{bug}, made small: {why}")),
            Check::Readme => self.readme().map_err(|why| format!("the failure in README: {why}")),
            Check::Other { file, bug, says } => {
                let file = scenarios().join(file).display().to_string();
                let ran = self.with(bug, &["scenario", &file, "--bug", bug]).and_then(|ran| ran.ends(1, says));
                ran.map(drop).map_err(|why| format!("{file} with {bug}: {why}"))
            }
            Check::Same(command) => self.same(command).map_err(|why| format!("cargo sim {command}: {why}")),
            Check::Verdict { bug, lens, law, says } => {
                let kill = self.found(bug)?.by(lens).ok_or_else(|| format!("{bug} is not found by {lens}"))?;
                let is_so = kill.law == *law && kill.what.contains(says);
                is_so.then_some(()).ok_or_else(|| format!("{bug} by {lens}: {}: {}, not {law}", kill.law, kill.what))
            }
        }
    }

    fn found(&self, bug: &str) -> Result<&Found, String> {
        self.board.found.iter().find(|found| found.bug.name == bug).ok_or_else(|| format!("there is no bug {bug}"))
    }

    fn ask(mut command: Command, arguments: &[&str]) -> Result<Ran, String> {
        let output = command.args(arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ran { out: text(&output.stdout), notes: text(&output.stderr), code: output.status.code() })
    }

    /// In the copy with this bug on.
    fn with(&self, bug: &str, arguments: &[&str]) -> Result<Ran, String> {
        Self::ask(self.copy.command(Some(bug)), arguments)
    }

    /// In the copy with none on.
    fn without(&self, arguments: &[&str]) -> Result<Ran, String> {
        Self::ask(self.copy.command(None), arguments)
    }

    fn here(&self, arguments: &[&str]) -> Result<Ran, String> {
        Self::ask(Command::new(self.own), arguments)
    }

    fn same(&self, command: &str) -> Result<(), String> {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let (copy, here) = (self.without(&arguments)?, self.here(&arguments)?);
        match (copy.out == here.out, copy.code, here.code) {
            (true, Some(0), Some(0)) => Ok(()),
            (is_same, copy, here) => Err(format!("in the copy {copy:?}, here {here:?}; the same text: {is_same}")),
        }
    }

    /// With its bug a file of the corpus breaks its law, and without it none: neither here nor in the copy.
    fn corpus(&self, path: &Path) -> Result<(), String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let (bug, law) = if path.extension().is_some_and(|kind| kind == "path") {
            let (bug, law) = of_path(&text).ok_or("its first two lines name no bug and no law")?;
            (bug.to_owned(), law.to_owned())
        } else {
            let scenario = Scenario::parse(&text).map_err(|error| error.to_string())?;
            let bug = scenario.bug.ok_or("no bug shows that it finds anything")?;
            (bug, scenario.law.ok_or("it names no law")?)
        };
        let file = path.display().to_string();
        let broken = self.with(&bug, &["scenario", &file])?.ends(1, &format!(" {law}: "))?;
        self.same(&format!("scenario {file} --without-bug"))?;
        let whole = self.without(&["scenario", &file, "--without-bug"])?;
        let notes = |ran: &Ran| ran.notes.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        match notes(&broken).intersection(&notes(&whole)).next() {
            Some(note) => Err(format!("with its bug or without: {note}")),
            None => Ok(()),
        }
    }

    /// The command of the first kill that one seed repeats breaks the same law again; without the bug the seed is clean.
    fn repeats(&self, found: &Found) -> Result<(), String> {
        let words = |command: &str| command.split_whitespace().skip(2).map(str::to_owned).collect::<Vec<_>>();
        let of_a_seed = |words: &Vec<String>| matches!(words.first().map(String::as_str), Some("replay" | "shell"));
        let mut kills = found.kills.iter().flatten().map(|kill| (words(&kill.repeat), kill));
        let Some((words, kill)) = kills.find(|(words, _)| of_a_seed(words)) else { return Ok(()) };
        let (name, words) = (&found.bug.name, words.iter().map(String::as_str).collect::<Vec<_>>());
        let [plain @ .., "--bug", named] = words.as_slice() else {
            return Err(format!("{} does not name it", kill.repeat));
        };
        if named != name {
            return Err(format!("{} names {named}", kill.repeat));
        }
        // What was broken may be told on several lines.
        let what = kill.what.lines().next().unwrap_or_default();
        self.with(name, &words)?.ends(1, &format!("{}: {what}", kill.law))?;
        self.here(plain)?.ends(0, "no law").map(drop).map_err(|why| format!("without it, {why}"))
    }

    fn steered(&self, bug: &str) -> Result<(), String> {
        let kill = self.found(bug)?.by("steered").ok_or("it is not found")?;
        let words: Vec<&str> = kill.repeat.split_whitespace().skip(2).chain(["--jobs", "2"]).collect();
        // Its plan and the seed of its decisions are all that the finding needs: it is made small by itself.
        self.with(bug, &words)?.ends(1, "made small: ")?;
        let told = self.with(bug, &[&words[..], &["--json"]].concat())?;
        let told: Value = serde_json::from_str(&told.out).map_err(|error| error.to_string())?;
        let [only] = told["violations"].as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(format!("{} finds {}", kill.repeat, told["violations"]));
        };
        let is_same = only["law"] == kill.law && only["what"] == kill.what && only["seed"] == kill.cost - 1;
        is_same.then_some(()).ok_or_else(|| format!("{} finds {only}", kill.repeat))
    }

    fn explored(&self, bug: &str) -> Result<(), String> {
        let kill = self.found(bug)?.by("explore").ok_or("it is not found")?;
        let words: Vec<&str> = kill.repeat.split_whitespace().skip(2).collect();
        self.with(bug, &words)?.ends(1, &format!(" breaks {}: ", kill.law)).map(drop)
    }

    /// The first seed that fails, and the law that it breaks.
    fn first(&self, bug: &str, lens: &str) -> Result<(String, String), String> {
        let kill = self.found(bug)?.by(lens).ok_or("no seed fails")?;
        Ok(((kill.cost - 1).to_string(), kill.law.clone()))
    }

    /// Little is left, plain and in order; it breaks the same law, and its file says how it came about.
    fn small(&self, bug: &str, most: usize) -> Result<(), String> {
        let is_queue = bugs::bug(bug)?.machine == bugs::Machine::Queue;
        let (lens, machine) = if is_queue { ("queue", "--machine queue ") } else { ("swarm", "") };
        let (seed, law) = self.first(bug, lens)?;
        let (path, typed) = bugs::scratch(&format!("small/{bug}.toml"))?;
        let file = path.display().to_string();
        let words = machine.split_whitespace().chain([seed.as_str(), "--bug", bug, "-o", &file]);
        let words: Vec<&str> = ["shrink"].into_iter().chain(words).collect();
        let ran = self.with(bug, &words)?.ends(1, "made small: ")?;
        let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        let scenario = Scenario::parse(&text).map_err(|error| format!("{file}: {error}"))?;
        let (left, before) = items(&ran.out).ok_or("it does not say how small it is")?;
        let numbers = scenario.document.lists.get("requests");
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let [says, is, run, made] = head.as_slice() else { return Err(format!("{file} begins with {head:?}")) };
        // The trace ends as the law breaks; then the commands are told.
        let trace = ran.out.lines().take_while(|line| !line.starts_with("repeat the "));
        let last = trace.filter(|line| !line.is_empty()).last().unwrap_or_default();
        for (is_so, what) in [
            (left == scenario.document.items() && left <= most && left < before, format!("{left} of {before} items")),
            (scenario.bug.as_deref() == Some(bug) && scenario.law.as_deref() == Some(&law), format!("{scenario:?}")),
            (
                // A ULID of the queue has the number in it, and with it the jitter.
                is_queue || numbers.is_none_or(|items| items.keys().copied().eq(0..items.len() as u32)),
                "numbers are left out".to_owned(),
            ),
            (says.starts_with(&format!("# {law}: ")) && is.starts_with(&format!("# {bug}: ")), format!("{says} {is}")),
            (*run == format!("# cargo sim scenario {typed} runs it."), (*run).to_owned()),
            (*made == format!("# cargo sim shrink {machine}{seed} --bug {bug} made it."), (*made).to_owned()),
            (last.contains(&format!(" {law}: ")), format!("the trace ends with {last}")),
        ] {
            if !is_so {
                return Err(format!("{file}: {what}"));
            }
        }
        self.with(bug, &["scenario", &file])?.ends(1, &format!(": {law}: ")).map(drop)
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
        let ran = self.with(bug, &words)?.ends(1, "made small: ")?;
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
