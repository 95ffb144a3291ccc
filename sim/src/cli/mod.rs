//! One command line for any worlds: campaigns, replays, small runs, scenario files, exhaustive search, mutants.
//!
//! ```no_run
//! # use durable_sim::cli::{AnyWorld, Tool};
//! # fn worlds() -> &'static [&'static dyn AnyWorld] { &[] }
//! # fn main() -> std::process::ExitCode {
//! durable_sim::cli::main(&Tool { command: "cargo run --", worlds: worlds(), mutants: None })
//! # }
//! ```
//!
//! Exit codes: 0: no law is broken; 1: one is; 2: what was asked for cannot be done.

mod args;
mod mutants;
mod output;
mod run;
mod show;

pub use crate::finding::AnyWorld;
pub use mutants::Mutants;

use crate::{decide::MISUSE, nearest, panic_text, planter};
use args::{Args, Cli, Command};
use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use output::{print, say};
use std::{
    env, fs, io,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process::{self, ExitCode, Stdio},
    thread,
};

/// What a program is for which [`main`] is the whole command line.
#[derive(Clone, Copy)]
pub struct Tool<'a> {
    /// How the program is called, up to its arguments: `cargo run --`. Each finding ends with a command that begins so.
    pub command: &'a str,
    /// Its worlds; where there are several, `--world` says which.
    pub worlds: &'a [&'a dyn AnyWorld],
    /// Where its mistakes are and how a copy with them is built, if there are any.
    pub mutants: Option<Mutants<'a>>,
}

/// The environment variable that tells a process that its parent watches it.
const WATCHED: &str = "DURABLE_SIM_WATCHED";

/// Parses the command line and does what it says.
#[must_use]
pub fn main(tool: &Tool<'_>) -> ExitCode {
    let matches = Cli::command().bin_name(tool.command).try_get_matches();
    let cli = match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    // A panic of what is simulated is a finding; any other is a mistake in how a world is put together.
    let done = panic::catch_unwind(AssertUnwindSafe(|| done(tool, &cli)));
    let done = done.unwrap_or_else(|panic| Err(panic_text(&*panic).trim_start_matches(MISUSE).to_owned()));
    done.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        ExitCode::from(2)
    })
}

fn done(tool: &Tool<'_>, cli: &Cli) -> Result<ExitCode, String> {
    if planter::planted_name().is_none() && env::var_os(planter::VARIABLE).is_some() {
        let variable = planter::VARIABLE;
        return Err(format!("{variable} is for planted copies; here `--bug NAME` says which mistake is meant"));
    }
    if let (Some(bug), None) = (&cli.bug, planter::planted_name()) {
        return mutants::elsewhere(tool, bug);
    }
    let args = Args { tool, cli };
    match &cli.command {
        Command::Run(asked) => watched(&args, || run::run(&args, asked, run::Wanted::Verdict)),
        Command::Coverage(asked) => watched(&args, || run::run(&args, asked, run::Wanted::Coverage)),
        Command::Replay(asked) => show::replay(&args, asked),
        Command::Shrink(asked) => show::shrink(&args, asked),
        Command::Scenario(asked) => show::scenario(&args, asked),
        Command::Explore(asked) => show::explore(&args, asked),
        Command::Laws(asked) => show::laws(&args, asked),
        Command::Keys => Ok(print(&format!("{}\n", crate::plan::Schema::documentation(args.world()?.schema())), false)),
        Command::Mutants(asked) => mutants::mutants(&args, asked),
        Command::Look(asked) => mutants::look(&args, asked),
        Command::Completions { shell } => {
            let program = env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
            let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), name, &mut text);
            Ok(print(&String::from_utf8_lossy(&text), false))
        }
    }
}

/// Does it in a process that this one watches: when that ends without a word, the seeds that it was busy with are told.
fn watched(args: &Args<'_>, task: impl FnOnce() -> Result<ExitCode, String>) -> Result<ExitCode, String> {
    if env::var_os(WATCHED).is_some() {
        // Whoever ends the parent means the campaign.
        thread::spawn(|| {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            process::exit(1);
        });
        return task();
    }
    let program = env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let child = process::Command::new(program)
        .args(env::args_os().skip(1))
        .env(WATCHED, process::id().to_string())
        .stdin(Stdio::piped())
        .spawn();
    let cannot = |error: io::Error| format!("this program cannot be started: {error}");
    let mut child = child.map_err(cannot)?;
    // It ends when this is closed.
    let stdin = child.stdin.take();
    let status = child.wait().map_err(cannot)?;
    drop(stdin);
    let folder = running()?;
    let seeds = crate::campaign::left_running(&folder).seeds;
    let _ = fs::remove_dir(folder);
    if let Some(code) = status.code().and_then(|code| u8::try_from(code).ok()) {
        return Ok(ExitCode::from(code));
    }
    say(&format!("the campaign ended with {status}"));
    for seed in &seeds {
        say(&format!("it was running seed {seed}: {}", args.replay(*seed)?));
    }
    Ok(ExitCode::FAILURE)
}

/// Where the seeds stand that run: a folder for each process that watches one.
fn running() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let watches = env::var(WATCHED).unwrap_or_else(|_| process::id().to_string());
    Ok(program.with_extension(format!("{watches}.running")))
}

/// Shows help; a mistake on the command line, in one line.
fn explain(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(&text, false);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        say(&text);
    } else {
        let (what, _) = text.split_once("\n\nUsage").unwrap_or((&text, ""));
        say(&what.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    ExitCode::from(2)
}

impl<'a> Args<'a> {
    /// The world that is meant.
    fn world(&self) -> Result<&'a dyn AnyWorld, String> {
        let worlds = self.tool.worlds;
        match (&self.cli.world, worlds) {
            (None, [first, ..]) => Ok(*first),
            (None, []) => Err("there is no world".into()),
            (Some(name), _) => {
                let known = worlds.iter().map(|world| world.name());
                let found = worlds.iter().find(|world| world.name() == name);
                found.copied().ok_or_else(|| format!("--world: there is no {name:?}{}", nearest(name, known)))
            }
        }
    }

    /// The profile of this name, of the world that is meant; the usual one without a name.
    fn profile(&self, name: Option<&str>) -> Result<&'static str, String> {
        let profiles = self.world()?.profiles();
        let Some(name) = name else {
            return profiles.first().copied().ok_or_else(|| format!("{} has no profile", self.tool.command));
        };
        let known = || profiles.iter().copied();
        known().find(|known| *known == name).ok_or_else(|| {
            let nearest = nearest(name, known());
            format!("--profile: there is no {name:?}{nearest}")
        })
    }

    /// The command that does this to the same world, with the same bug.
    fn command(&self, what: &str) -> String {
        let world = self.cli.world.as_ref().map_or(String::new(), |world| format!(" --world {world}"));
        let bug = planter::planted_name().map_or(String::new(), |bug| format!(" --bug {bug}"));
        format!("{} {what}{world}{bug}", self.tool.command)
    }

    /// The command that runs this seed again.
    fn replay(&self, seed: u64) -> Result<String, String> {
        let asked = match &self.cli.command {
            Command::Run(asked) | Command::Coverage(asked) => asked.profile.as_deref(),
            Command::Replay(_)
            | Command::Shrink(_)
            | Command::Scenario(_)
            | Command::Explore(_)
            | Command::Mutants(_)
            | Command::Laws(_)
            | Command::Keys
            | Command::Completions { .. }
            | Command::Look(_) => None,
        };
        let usual = self.profile(None)?;
        let profile = self.profile(asked)?;
        let profile = if profile == usual { String::new() } else { format!(" --profile {profile}") };
        Ok(self.command(&format!("replay {seed}{profile}")))
    }
}
