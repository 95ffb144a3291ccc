//! `cargo sim search`: every schedule of a small scope; or one path again.

use durable_sim::{
    cli::{
        Tool,
        clap::{self, Args, FromArgMatches},
        print, say, text_of,
    },
    planter::planted_name,
    search::{Bounds, End, Found, search},
};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use proxy_fetch_sim::{
    bugs::MUTANTS,
    explore::{Kinds, ProxySpace, Scope, Trace, read_path, retrace},
    laws::{LAWS, Violation},
    readable::readable,
};
use std::{
    fmt::Write,
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

/// Goes through every schedule of a scope, breadth first, with all laws: each order in which requests come in (as early
/// or as late as alarms allow), attempts end (200, 503, too large, time-out), callbacks end (answered, failed) and
/// alarms fire; and each moment at which a fault of the scope may come.
///
/// Requests are alike: one callback each, retries after 500 ms. Time passes only with alarms: to the next one that
/// finds something or at which an attempt is out of time; by a fault also to 1 ms before it, 60 s after it, or to the
/// expiry of the oldest request. A crash is one between two turns, after a commit and before each of its effects, or
/// a commit that fails. Not in it: rows that cannot be read, clocks that go back, several events in one turn, commits
/// that overlap.
#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    /// Requests.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    requests: u8,
    /// Requests in flight at once, 1 to 5.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    slots: u8,
    /// Attempts of each request: retries and one.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=11))]
    attempts: u8,
    /// Instances lost by a crash or a failing commit.
    #[arg(long, default_value_t = 1)]
    crashes: u8,
    /// Faults of the kinds below, all together, besides crashes. One fault makes some 25 times as many states.
    #[arg(long, default_value_t = 0)]
    faults: u8,
    /// Kinds of fault, with commas, or all. repeat: an answered call comes again. stale: an attempt or a callback is
    /// reported that is under way no longer (given up, of an earlier incarnation, or reported before). early: an alarm
    /// comes 1 ms early. late: one comes 60 s late, or at the expiry of the oldest request. twice: one comes again.
    /// idle: one that finds nothing is taken by itself. cancel: a caller gives a request up.
    #[arg(long, default_value = "all")]
    kinds: Kinds,
    /// Time of an attempt in the host, in ms.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(100..=300_000))]
    timeout_ms: u32,
    /// Requests are sent at most once.
    #[arg(long)]
    at_most_once: bool,
    /// Count only states as one that are equal in everything. By default they may differ in when they are, and in the
    /// past of requests where it no longer matters.
    #[arg(long)]
    exact: bool,
    /// Stop at paths of this length.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    depth: Option<u32>,
    /// Stop at so many states.
    #[arg(long, default_value_t = 100_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    states: u32,
    /// Threads; by default one per core. The result is the same for every number.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Write the path to what is broken to this file, an action a line.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Take the path in this file again, instead of a search, with the bug that it names. The file says of which scope it is.
    #[arg(long, value_name = "FILE", conflicts_with_all = SCOPE)]
    path: Option<PathBuf>,
    /// Do not plant the bug that the file names.
    #[arg(long, requires = "path")]
    without_bug: bool,
}

/// What the file of a path says itself.
const SCOPE: [&str; 13] = [
    "requests",
    "slots",
    "attempts",
    "crashes",
    "faults",
    "kinds",
    "timeout_ms",
    "at_most_once",
    "exact",
    "depth",
    "states",
    "jobs",
    "output",
];

impl SearchArgs {
    pub(super) const fn scope(&self) -> Scope {
        Scope {
            requests: self.requests,
            slots: self.slots,
            attempts: self.attempts,
            crashes: self.crashes,
            faults: self.faults,
            kinds: self.kinds,
            timeout_ms: self.timeout_ms,
            at_most_once: self.at_most_once,
            exact: self.exact,
        }
    }

    /// Takes the path in this text again: what it comes to, line by line, and whether it breaks a law.
    fn again(&self, text: &str) -> Result<(String, bool), String> {
        let trace = retrace(&ProxySpace::new(self.scope()), &read_path(text)?)?;
        Ok((shown(&trace), trace.broken.is_some()))
    }
}

pub(super) fn run(tool: &Tool<'_>, args: &SearchArgs, says_kinds: bool) -> Result<ExitCode, String> {
    if says_kinds && args.faults == 0 {
        return Err("--kinds: without --faults there is no fault of any kind".into());
    }
    match &args.path {
        Some(file) => take_again(tool, args, file).map_err(|error| format!("{}: {error}", file.display())),
        None => explore(args, &ProxySpace::new(args.scope())),
    }
}

fn explore(args: &SearchArgs, space: &ProxySpace) -> Result<ExitCode, String> {
    let threads = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let bounds = Bounds { depth: args.depth, states: args.states as usize, threads };
    let bar = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    #[expect(clippy::disallowed_methods, reason = "the search's own speed is measured, nothing simulated")]
    let began = Instant::now();
    let found = search(space, bounds, |depth, states, transitions| {
        bar.set_message(format!("depth {depth}: {} states, {} steps", HumanCount(states), HumanCount(transitions)));
        bar.tick();
    });
    bar.finish_and_clear();
    let wall = began.elapsed().max(Duration::from_micros(1));
    let mut text = format!("scope: {}\n", args.scope());
    // Writing to a String cannot fail.
    let _ = write_found(&mut text, &found, wall);
    let Some(counterexample) = found.counterexample else {
        if let Some(file) = &args.output {
            say(&format!("note: --output: there is nothing to write to {}", file.display()));
        }
        return Ok(print(&text, false));
    };
    text.push('\n');
    text.push_str(&match retrace(space, &counterexample.path) {
        Ok(trace) => shown(&trace),
        Err(error) => format!("{}, but the path cannot be taken again: {error}\n", counterexample.broken),
    });
    let path: String = counterexample.path.iter().map(|action| format!("{action}\n")).collect();
    let Some(file) = &args.output else {
        text.push_str(&format!("\n{path}\nrepeat the search with: {}\n", command(args)));
        return Ok(print(&text, true));
    };
    let head = format!("# {}\n{}", command(args), said(&counterexample.broken));
    fs::write(file, head + &path).map_err(|error| format!("--output {}: {error}", file.display()))?;
    text.push_str(&format!("\nrun it with: {COMMAND}--path {}\n", file.display()));
    Ok(print(&text, true))
}

fn write_found<A, B>(out: &mut String, found: &Found<A, B>, wall: Duration) -> std::fmt::Result {
    let verdict = match found.end {
        End::Complete => "complete: every state of the scope was seen, and no law is broken",
        End::Depth => "NOT complete: there are longer paths; no law is broken so far",
        End::States => "NOT complete: there are more states; no law is broken so far",
        End::Stopped => "interrupted, and NOT complete: no law is broken so far",
        End::Broken => "a law is broken",
    };
    writeln!(
        out,
        "{} states and {} steps, to depth {}, {} states wide; {:.1} s, {:.0} states/s, {:.0} steps/s",
        HumanCount(found.states),
        HumanCount(found.transitions),
        found.depth,
        HumanCount(found.widest as u64),
        wall.as_secs_f64(),
        found.states as f64 / wall.as_secs_f64(),
        found.transitions as f64 / wall.as_secs_f64()
    )?;
    writeln!(out, "{verdict}")
}

/// What a file with a path begins with, after its `# `: the command whose scope it belongs to.
const COMMAND: &str = "cargo sim search ";

fn command(args: &SearchArgs) -> String {
    let bug = planted_name().map_or(String::new(), |bug| format!("--bug {bug} "));
    format!("{COMMAND}{bug}{}", args.scope().options())
}

fn law_says(name: &str) -> Option<&'static str> {
    LAWS.iter().find(|law| law.name == name).map(|law| law.promises)
}

/// What the path breaks, as comments.
fn said(broken: &Violation) -> String {
    let law = law_says(broken.law).map(|says| format!("# {}: {says}.\n", broken.law));
    let bug = planted_name().and_then(|bug| {
        let mutants = MUTANTS.planter().mutants().ok()?;
        let mutant = mutants.into_iter().find(|mutant| mutant.name == bug)?;
        Some(format!("# {bug}: {}.\n", mutant.what))
    });
    law.into_iter().chain(bug).collect()
}

/// Takes the path in a file again. Its first line says of which scope it is.
fn take_again(tool: &Tool<'_>, args: &SearchArgs, file: &Path) -> Result<ExitCode, String> {
    let text = text_of(fs::read(file).map_err(|error| error.to_string())?)?;
    let options = text.lines().next().and_then(|line| line.strip_prefix("# ")?.strip_prefix(COMMAND));
    let options = options.ok_or_else(|| format!("line 1: a path begins with `# {}`", COMMAND.trim_end()))?;
    let words = ["search"].into_iter().chain(options.split_whitespace());
    let bug = clap::Arg::new("bug").long("bug");
    let matches = SearchArgs::augment_args(clap::Command::new("search")).arg(bug).try_get_matches_from(words);
    let read = matches.and_then(|matches| {
        let bug = matches.get_one::<String>("bug").cloned();
        Ok((SearchArgs::from_arg_matches(&matches)?, bug))
    });
    let (scope, bug) = read.map_err(|error| {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("line 1: {what}")
    })?;
    if let Some(bug) = bug.filter(|_| !args.without_bug)
        && let Some(exit) = tool.in_planted_copy(&bug)?
    {
        return Ok(exit);
    }
    let (taken, is_broken) = scope.again(&text)?;
    let about = about(&text).unwrap_or_else(|| scope.scope().to_string());
    Ok(print(&format!("a path of the search: {about}\n{taken}"), is_broken))
}

/// What the comments at the head of a path say, but for those that a search has written: a name and what it is.
fn about(text: &str) -> Option<String> {
    let comments = text.lines().skip(1).map_while(|line| line.strip_prefix('#')).map(str::trim);
    let is_written = |line: &&str| line.split_once(": ").is_some_and(|(name, _)| !name.contains(' '));
    let said = comments.filter(|line| !is_written(line)).collect::<Vec<_>>().join(" ");
    (!said.trim().is_empty()).then_some(said)
}

fn shown(trace: &Trace) -> String {
    let end = match &trace.broken {
        Some((number, broken)) => format!("action {number} breaks {}", readable(&broken.to_string())),
        None => "no law is broken".to_owned(),
    };
    trace.lines.iter().map(|line| readable(line)).chain([end]).map(|line| line + "\n").collect()
}
