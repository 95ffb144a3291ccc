//! The report of a broken law: what is promised and what happened, the shrunk run, its trace, and the commands that
//! show it again. It fits on a few screens; what does not fit is in files.
//!
//! A test binary reports one finding in full ([`tell_once`]); a failure that merely follows from a broken law says so
//! in one line ([`broken_law`]).

mod layout;
mod told;

pub use layout::{MAX_COLUMNS, MAX_LINES, shortened};
pub use told::{broken_law, follows_from_a_broken_law, tell_once, unless_a_law_is_broken, without_panic_messages};

use crate::{
    bugs::planted,
    campaign::replay_command,
    laws::Violation,
    proxy::{Plan, Profile, Report},
    queue,
    scenario::{Shrunk, law_says, readable, shrink_queue, shrink_run},
    steer,
};
use durable_sim::planter::original;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// A broken law, ready to be told.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which seed broke which law, in a line.
    pub headline: String,
    /// What the law promises, if there is a line of it.
    promise: Option<String>,
    /// What happened instead, with the numbers.
    what: String,
    /// The small run: what it is made of, and its trace.
    small: Option<Shrunk>,
    /// The command that repeats the whole run.
    repeat: String,
    /// The name of its files.
    name: String,
    /// Where the small run's scenario is, if not among the other findings.
    file: Option<PathBuf>,
}

/// Where findings are written: `target/findings` in the workspace, or below `CARGO_TARGET_DIR` if that is set.
#[must_use]
pub fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    workspace().join(target).join("findings")
}

fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    original(package.ancestors().nth(2).unwrap_or(package))
}

/// A path as it is typed in the workspace's root.
fn typed(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

impl Finding {
    /// Of a seed of a campaign of the object; it is made small within `most`.
    #[must_use]
    pub fn of_seed(report: &Report, profile: Profile, most: Duration) -> Option<Self> {
        let seed = report.seed;
        let small = shrink_run(&Plan::draw(seed, profile), most);
        Self::of_run(report, small, profile, replay_command(seed, profile))
    }

    /// Of a run of a campaign that steers and began at `start`; it is made small within `most`.
    #[must_use]
    pub fn of_steered(
        report: &Report,
        run: &steer::Steered,
        start: u64,
        profile: Profile,
        most: Duration,
    ) -> Option<Self> {
        let small = shrink_run(&run.plan, most);
        Self::of_run(report, small, profile, steer::repeat_command(start, report.seed, profile))
    }

    fn of_run(report: &Report, small: Option<Shrunk>, profile: Profile, repeat: String) -> Option<Self> {
        let (step, violation) = report.violation.as_ref()?;
        Some(Self::new(report.seed, profile.name(), *step, violation, small, repeat))
    }

    /// Of a seed of the queue's consumer; it is made small within `most`.
    #[must_use]
    pub fn of_queue(report: &queue::Report, profile: Profile, most: Duration) -> Option<Self> {
        let (step, violation) = report.violation.as_ref()?;
        let small = shrink_queue(report.seed, profile, most);
        let repeat = queue::campaign::replay_command(report.seed, profile);
        Some(Self::new(report.seed, "queue", *step, violation, small, repeat))
    }

    fn new(seed: u64, kind: &str, step: u64, violation: &Violation, small: Option<Shrunk>, repeat: String) -> Self {
        let law = violation.law;
        let says = if kind == "queue" { queue::law_says(law) } else { law_says(law) };
        Self {
            headline: format!("seed {seed} of the campaign \"{kind}\" broke law {law} at step {step}"),
            promise: says.map(|says| format!("{law} promises: {says}")),
            // Of the small run, if there is one: its trace is what is shown.
            what: match small.as_ref().and_then(|small| small.shown.lines.last()) {
                Some(line) => line.what.trim_start_matches(law).trim_start_matches(": ").to_owned(),
                None => readable(&violation.what),
            },
            small,
            repeat,
            name: match planted() {
                None => format!("{kind}-{seed}-{law}"),
                Some(bug) => format!("{kind}-{seed}-{law}-{}", bug.name),
            },
            file: None,
        }
    }

    /// Writes the small run's scenario into this file; the report then names it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_to(&mut self, file: &Path) -> io::Result<()> {
        if let Some(small) = &self.small {
            fs::write(file, small.to_text(Some(Path::new(&typed(file)))))?;
            self.file = Some(file.to_owned());
        }
        Ok(())
    }

    /// The whole report, its files written into a folder; at most [`MAX_LINES`] lines of [`MAX_COLUMNS`] columns.
    #[must_use]
    pub fn tell(&self, folder: &Path) -> String {
        let mut head = vec![self.headline.clone()];
        head.extend(self.promise.clone());
        // With both values, so never cut.
        head.extend(layout::wrapped(&format!("what happened: {}", self.what)));
        let repeat = format!("repeat the whole seed with: {}", self.repeat);
        let Some(small) = &self.small else { return layout::page(&head, &[], &[], &[repeat], None) };
        head.push(format!("made small: {}", small.effort()));
        let among_others = folder.join(format!("{}.toml", self.name));
        let file = self.file.as_ref().unwrap_or(&among_others);
        let plan = small.to_text(Some(Path::new(&typed(file))));
        let written = if self.file.is_some() { Ok(()) } else { write(file, &plan) };
        let small_run = match written {
            Ok(()) => format!("repeat the small run with: cargo sim scenario {}", typed(file)),
            Err(error) => format!("the small run is in no file: {}: {error}", typed(file)),
        };
        let tail = [small_run, repeat];
        let plan: Vec<String> = plan.lines().map(str::to_owned).collect();
        let trace: Vec<String> = small.shown.lines.iter().map(ToString::to_string).collect();
        // What is said of several values has a line for each.
        let trace: Vec<String> = trace.iter().flat_map(|line| line.lines()).map(str::to_owned).collect();
        let page = layout::page(&head, &plan, &trace, &tail, None);
        if !page.contains(layout::LEFT_OUT) {
            return page;
        }
        let file = folder.join(format!("{}.txt", self.name));
        let everything = [head.join("\n"), plan.join("\n"), trace.join("\n"), tail.join("\n")].join("\n\n");
        let place = match write(&file, &format!("{everything}\n")) {
            Ok(()) => format!("all of it: {}", typed(&file)),
            Err(error) => format!("the rest is in no file: {}: {error}", typed(&file)),
        };
        layout::page(&head, &plan, &trace, &tail, Some(&place))
    }
}

impl fmt::Display for Finding {
    /// The whole report; its files are written into [`folder`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tell(&folder()))
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(file, text)
}
