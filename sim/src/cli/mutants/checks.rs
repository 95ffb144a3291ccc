//! What is seen to in the planted copy besides the kills: that a kill repeats with the command that it names; that with its
//! mistake each scenario breaks its law, and without it none; and that with no mistake on the copy is what it was made of.

use super::{Found, each};
use crate::{plan::text_at, planter::PlantedCopy};
use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The copy, and this program, which it was made of.
pub struct Copies<'a> {
    copy: &'a PlantedCopy,
    own: PathBuf,
    /// How the program is called, up to its arguments.
    command: &'a str,
    /// What was found of each mistake.
    pub found: &'a [Found],
}

/// What a command printed, said, and ended with.
pub struct Ran {
    /// On stdout.
    pub out: String,
    /// On stderr.
    pub notes: String,
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
}

impl Ran {
    /// It ended so, and a line that it printed has this in it.
    ///
    /// # Errors
    /// In a line, if it did not.
    pub fn ends(self, code: i32, says: &str) -> Result<Self, String> {
        if self.code == Some(code) && self.out.lines().any(|line| line.contains(says)) {
            return Ok(self);
        }
        let last = self.out.lines().chain(self.notes.lines()).last().unwrap_or_default();
        Err(format!("ends with {:?} and not {code}, or does not say {says:?}; its last line: {last}", self.code))
    }
}

fn ask(mut command: Command, arguments: &[&str]) -> Result<Ran, String> {
    let output = command.args(arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ran { out: text(&output.stdout), notes: text(&output.stderr), code: output.status.code() })
}

impl<'a> Copies<'a> {
    pub(super) fn new(copy: &'a PlantedCopy, command: &'a str, found: &'a [Found]) -> Result<Self, String> {
        let own = env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
        Ok(Self { copy, own, command, found })
    }

    /// Runs the program in the copy with this mistake on.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn with(&self, bug: &str, arguments: &[&str]) -> Result<Ran, String> {
        ask(self.copy.command(Some(bug)), arguments)
    }

    /// Runs it in the copy with none on.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn without(&self, arguments: &[&str]) -> Result<Ran, String> {
        ask(self.copy.command(None), arguments)
    }

    /// Runs this program.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn here(&self, arguments: &[&str]) -> Result<Ran, String> {
        ask(Command::new(&self.own), arguments)
    }

    /// What was found of the mistake of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn found(&self, bug: &str) -> Result<&'a Found, String> {
        self.found.iter().find(|found| found.mutant.name == bug).ok_or_else(|| format!("there is no mistake {bug}"))
    }

    /// The words of a command that it tells, without the program's own.
    #[must_use]
    pub fn words<'b>(&self, command: &'b str) -> Vec<&'b str> {
        command.strip_prefix(self.command).unwrap_or(command).split_whitespace().collect()
    }

    /// What the copy prints with no mistake on is what this program prints, and both find nothing.
    ///
    /// # Errors
    /// In a line, if not.
    pub fn same(&self, arguments: &[&str]) -> Result<(), String> {
        let (copy, here) = (self.without(arguments)?, self.here(arguments)?);
        match (copy.out == here.out, copy.code, here.code) {
            (true, Some(0), Some(0)) => Ok(()),
            (is_same, copy, here) => Err(format!("in the copy {copy:?}, here {here:?}; the same text: {is_same}")),
        }
    }

    /// The command of the first kill that one seed repeats breaks the same law again; without the mistake it is clean.
    fn repeats(&self, found: &Found) -> Result<(), String> {
        let of_a_seed = |words: &[&str]| words.get(1).is_some_and(|word| word.parse::<u64>().is_ok());
        let mut kills = found.kills.iter().flatten().map(|kill| (self.words(&kill.repeat), kill));
        let Some((words, kill)) = kills.find(|(words, _)| of_a_seed(words)) else { return Ok(()) };
        let [plain @ .., "--bug", named] = words.as_slice() else {
            return Err(format!("{} does not name it", kill.repeat));
        };
        let Found { mutant, .. } = found;
        if *named != mutant.name {
            return Err(format!("{} names {named}", kill.repeat));
        }
        // What was broken may be told on several lines.
        let what = kill.what.lines().next().unwrap_or_default();
        self.with(&mutant.name, &words)?.ends(1, what)?.ends(1, &kill.law)?;
        let is_world = self.is_world(&mutant.world);
        let world = if is_world { vec!["--world", mutant.world.as_str()] } else { Vec::new() };
        self.here(&[plain, &world].concat())?.ends(0, "no law").map(drop).map_err(|why| format!("without it, {why}"))
    }

    fn is_world(&self, name: &str) -> bool {
        self.here(&["laws", "--world", name]).is_ok_and(|ran| ran.code == Some(0))
    }

    /// With its mistake a scenario breaks its law, and without it none: neither here nor in the copy.
    fn scenario(&self, path: &Path) -> Result<(), String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let (Some(bug), law) = (text_at(&text, "bug"), text_at(&text, "law")) else { return Ok(()) };
        let law = law.ok_or("it names a bug and no law")?;
        let file = path.display().to_string();
        let broken = self.with(&bug, &["scenario", &file])?.ends(1, &format!("VIOLATION of \"{law}\""))?;
        self.same(&["scenario", &file, "--without-bug"])?;
        let whole = self.without(&["scenario", &file, "--without-bug"])?;
        let notes = |ran: &Ran| ran.notes.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        match notes(&broken).intersection(&notes(&whole)).next() {
            Some(note) => Err(format!("with its bug or without: {note}")),
            None => Ok(()),
        }
    }
}

/// Looks at all; what does not hold is said in a line. `jobs` processes run at a time.
pub(super) fn run(copies: &Copies<'_>, folders: &[PathBuf], jobs: usize) -> Result<Vec<Result<(), String>>, String> {
    let mut scenarios = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
        let paths = entries.into_iter().map(|entry| entry.path());
        scenarios.extend(paths.filter(|path| path.extension().is_some_and(|kind| kind == "toml")));
    }
    scenarios.sort();
    let mut done =
        each(&scenarios, jobs, |path| copies.scenario(path).map_err(|why| format!("{}: {why}", path.display())));
    let repeats = |found: &Found| copies.repeats(found).map_err(|why| format!("{}: {why}", found.mutant.name));
    done.extend(each(copies.found, jobs, repeats));
    Ok(done)
}
