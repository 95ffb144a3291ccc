//! One command line for any worlds: campaigns, replays, small runs, scenario files, exhaustive search, mutants.
//!
//! ```no_run
//! # use durable_sim::cli::{AnyWorld, Tool};
//! # fn worlds() -> &'static [&'static dyn AnyWorld] { &[] }
//! # fn main() -> std::process::ExitCode {
//! durable_sim::cli::main(&Tool::new("cargo run --", worlds()))
//! # }
//! ```
//!
//! Exit codes: 0: no law is broken; 1: one is; 2: what was asked for cannot be done; 130: it was interrupted before that
//! was known.

mod args;
mod mutants;
mod output;
mod run;
mod show;
mod watched;

pub use crate::finding::AnyWorld;
pub use clap;
pub use mutants::{Checks, Copies, Found, Kill, Lens, Mutants, Ran, each};
pub use output::{code, print, say};
pub use show::text_of;

use crate::{
    decide::MISUSE,
    finding::Origin,
    nearest, panic_text,
    planter::{self, table::Mutant},
};
use args::{Args, Cli, Command, SLOW};
use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{
    env,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use watched::{Noted, Runs, watched};

/// What a program is for which [`main`] is the whole command line.
#[derive(Clone, Copy)]
pub struct Tool<'a> {
    /// How the program is called, up to its arguments: `cargo run --`. Each finding ends with a command that begins so.
    pub command: &'a str,
    /// Its worlds; where there are several, `--world` says which.
    pub worlds: &'a [&'a dyn AnyWorld],
    /// Where its mistakes are and how a copy with them is built, if there are any.
    pub mutants: Option<Mutants<'a>>,
    /// Commands of its own.
    pub extras: &'a [Extra],
}

impl<'a> Tool<'a> {
    /// A program of these worlds that is called so.
    #[must_use]
    pub const fn new(command: &'a str, worlds: &'a [&'a dyn AnyWorld]) -> Self {
        Self { command, worlds, mutants: None, extras: &[] }
    }

    /// The same with mistakes.
    #[must_use]
    pub const fn with_mutants(self, mutants: Mutants<'a>) -> Self {
        Self { mutants: Some(mutants), ..self }
    }

    /// For a command whose input names a mistake: does the same command with it in the planted copy. `None`: this process is
    /// in one.
    ///
    /// # Errors
    /// In one line: there is no such mistake, or the copy cannot be built.
    pub fn in_planted_copy(&self, bug: &str) -> Result<Option<ExitCode>, String> {
        if planter::planted_name().is_some() { Ok(None) } else { mutants::elsewhere(self, bug).map(Some) }
    }

    /// The same with commands of its own.
    #[must_use]
    pub const fn with_extras(self, extras: &'a [Extra]) -> Self {
        Self { extras, ..self }
    }
}

/// A command of a program's own.
#[derive(Clone, Copy)]
pub struct Extra {
    /// Its name and its arguments.
    pub command: fn() -> clap::Command,
    /// Does it.
    pub run: fn(&Tool<'_>, &clap::ArgMatches) -> Result<ExitCode, String>,
    /// Whether it ends by itself when it is interrupted, with what it has found so far: it looks at
    /// [`is_to_stop`](crate::is_to_stop).
    pub stops: bool,
    /// With whose mistakes `--bug` may run it: worlds, as the tables name them. Without any it takes no `--bug`.
    pub worlds: &'static [&'static str],
}

/// Parses the command line and does what it says.
#[must_use]
pub fn main(tool: &Tool<'_>) -> ExitCode {
    let command = tool.extras.iter().fold(Cli::command(), |all, extra| all.subcommand((extra.command)()));
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let matches = match command.bin_name(tool.command).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return explain(&error, &names),
    };
    // A panic of what is simulated is a finding; any other is a mistake in how a world is put together.
    let place = misuse_is_quiet();
    let done = panic::catch_unwind(AssertUnwindSafe(|| done(tool, &matches)));
    let done = done.unwrap_or_else(|panic| {
        let what = panic_text(&*panic).trim_start_matches(MISUSE).to_owned();
        let place = place.lock().unwrap_or_else(PoisonError::into_inner);
        Err(place.as_ref().map_or_else(|| what.clone(), |place| format!("{what} ({place})")))
    });
    done.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        ExitCode::from(2)
    })
}

fn done(tool: &Tool<'_>, matches: &clap::ArgMatches) -> Result<ExitCode, String> {
    if planter::planted_name().is_none() && env::var_os(planter::VARIABLE).is_some() {
        let variable = planter::VARIABLE;
        return Err(format!("{variable} is for planted copies; here `--bug NAME` says which mistake is meant"));
    }
    if let Some((name, matches)) = matches.subcommand()
        && let Some(extra) = tool.extras.iter().find(|extra| (extra.command)().get_name() == name)
    {
        return extra_done(tool, *extra, name, matches);
    }
    let cli = Cli::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let args = Args { tool, cli: &cli, planted: mutants::planted(tool)? };
    args.check()?;
    // The file of a scenario may name another mistake.
    let is_scenario = matches!(cli.command, Command::Scenario(_));
    if let Some(bug) = cli.bug.as_ref().filter(|_| !is_scenario && planter::planted_name().is_none()) {
        args.world()?;
        return mutants::elsewhere(tool, bug);
    }
    match &cli.command {
        Command::Run(asked) => run::run(&args, asked, run::Wanted::Verdict),
        Command::Coverage(asked) => run::run(&args, asked, run::Wanted::Coverage),
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
            let mut all = tool.extras.iter().fold(Cli::command(), |all, extra| all.subcommand((extra.command)()));
            clap_complete::generate(*shell, &mut all, name, &mut text);
            Ok(print(&String::from_utf8_lossy(&text), false))
        }
    }
}

/// A command of the program's own, in the planted copy if a mistake is asked for.
fn extra_done(tool: &Tool<'_>, extra: Extra, name: &str, matches: &clap::ArgMatches) -> Result<ExitCode, String> {
    if matches.get_one::<String>("world").is_some() {
        return Err(format!("`{name}` takes no --world"));
    }
    let Some(bug) = matches.get_one::<String>("bug") else { return run_extra(tool, extra, matches) };
    let bug = mutants::of_name(tool, bug)?;
    match extra.worlds {
        [] => return Err(format!("`{name}` takes no --bug")),
        worlds if !worlds.contains(&bug.world.as_str()) => {
            let worlds = worlds.iter().map(|world| format!("`{world}`")).collect::<Vec<_>>().join(", ");
            return Err(format!("the bug {} is of `{}`; this runs {worlds}", bug.name, bug.world));
        }
        _ => {}
    }
    if planter::planted_name().is_some() {
        run_extra(tool, extra, matches)
    } else {
        mutants::elsewhere(tool, &bug.name)
    }
}

fn run_extra(tool: &Tool<'_>, extra: Extra, matches: &clap::ArgMatches) -> Result<ExitCode, String> {
    let noted = Noted::Nothing { stops: extra.stops };
    watched(&Runs { seeds: None, noted, slow: Duration::from_secs(SLOW) }, || (extra.run)(tool, matches))
}

/// A mistake in how a world is put together is told in one line at the end, with its place, which is noted here.
fn misuse_is_quiet() -> Arc<Mutex<Option<String>>> {
    let (others, place) = (panic::take_hook(), Arc::new(Mutex::new(None)));
    let noted = place.clone();
    panic::set_hook(Box::new(move |info| {
        if !panic_text(info.payload()).starts_with(MISUSE) {
            return others(info);
        }
        let place = info.location().map(|location| format!("{}:{}", location.file(), location.line()));
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    place
}

/// Shows help; a mistake on the command line, in one line.
fn explain(error: &clap::Error, commands: &[String]) -> ExitCode {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(&text, false);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        say(&text);
    } else if error.kind() == ErrorKind::MissingSubcommand {
        say("error: a command is missing; --help lists them");
    } else {
        // Nothing here takes a value that begins with a dash.
        let end =
            ["\n\nUsage", "\n\nFor more", "\n\n  tip: to pass"].into_iter().filter_map(|end| text.find(end)).min();
        let what = &text[..end.unwrap_or(text.len())];
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        // clap's own hint leaves out what is near for people.
        let hint = match error.get(ContextKind::InvalidSubcommand) {
            Some(ContextValue::String(said)) if !what.contains("tip:") => {
                nearest(said, commands.iter().map(String::as_str))
            }
            Some(_) | None => String::new(),
        };
        say(&format!("{what}{hint}"));
    }
    ExitCode::from(2)
}

impl<'a> Args<'a> {
    /// What was said and would be without effect.
    fn check(&self) -> Result<(), String> {
        let takes_no = |what: &str| match (&self.cli.world, &self.cli.bug) {
            (_, Some(_)) => Err(format!("`{what}` takes no --bug")),
            (Some(_), None) if what == "completions" => Err(format!("`{what}` takes no --world")),
            (Some(_) | None, None) => Ok(()),
        };
        match &self.cli.command {
            Command::Mutants(_) => match &self.cli.bug {
                Some(bug) => Err(format!("say `mutants {bug}`: --bug runs a command with that mistake")),
                None => Ok(()),
            },
            Command::Laws(_) => takes_no("laws"),
            Command::Keys => takes_no("keys"),
            Command::Completions { .. } => takes_no("completions"),
            Command::Run(_)
            | Command::Coverage(_)
            | Command::Replay(_)
            | Command::Shrink(_)
            | Command::Scenario(_)
            | Command::Explore(_)
            | Command::Look(_) => Ok(()),
        }
    }

    /// The world of this name.
    fn world_of(&self, name: &str, said_by: &str) -> Result<&'a dyn AnyWorld, String> {
        let worlds = self.tool.worlds;
        let found = worlds.iter().find(|world| world.name() == name);
        let known = worlds.iter().map(|world| world.name());
        found.copied().ok_or_else(|| format!("{said_by}: there is no world {name:?}{}", nearest(name, known)))
    }

    /// The world that is meant: what `--world` says, or that of the mistake, or the first.
    fn world(&self) -> Result<&'a dyn AnyWorld, String> {
        let asked = match (&self.planted, &self.cli.bug) {
            (Some(planted), _) => Some(planted.clone()),
            (None, Some(bug)) => Some(mutants::of_name(self.tool, bug)?),
            (None, None) => None,
        };
        self.world_with(asked.as_ref(), self.cli.world.as_deref(), "--world")
    }

    /// The same where this mistake is on, and the world is said to be this one.
    fn world_with(&self, bug: Option<&Mutant>, said: Option<&str>, said_by: &str) -> Result<&'a dyn AnyWorld, String> {
        let said = said.map(|name| self.world_of(name, said_by)).transpose()?;
        let first = self.tool.worlds.first().copied();
        match (said, bug) {
            (Some(world), Some(bug)) if world.name() != bug.world => {
                Err(format!("the bug {} is of `{}`; this runs `{}`", bug.name, bug.world, world.name()))
            }
            (Some(world), _) => Ok(world),
            (None, Some(bug)) => {
                let of_bug = self.tool.worlds.iter().find(|world| world.name() == bug.world);
                let no_world = || format!("the bug {} is of `{}`, which this does not run", bug.name, bug.world);
                of_bug.copied().ok_or_else(no_world)
            }
            (None, None) => first.ok_or_else(|| "there is no world".to_owned()),
        }
    }

    /// The name of this world, if it must be said.
    fn name_of(&self, world: &dyn AnyWorld) -> Option<&'static str> {
        let is_first = self.tool.worlds.first().is_some_and(|first| first.name() == world.name());
        (!is_first).then(|| world.name())
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
    fn command(&self, what: &str) -> Result<String, String> {
        let world = self.name_of(self.world()?).map_or(String::new(), |world| format!(" --world {world}"));
        // A bug says by its table which world it is of.
        let (world, bug) = match planter::planted_name() {
            Some(bug) => (String::new(), format!(" --bug {bug}")),
            None => (world, String::new()),
        };
        Ok(format!("{} {what}{world}{bug}", self.tool.command))
    }

    /// The command that does this to a seed that was drawn in this way.
    fn with_seed(&self, what: &str, seed: u64, profile: &str) -> Result<String, String> {
        let is_usual = self.profile(None)? == profile;
        let profile = if is_usual { String::new() } else { format!(" --profile {profile}") };
        self.command(&format!("{what} {seed}{profile}"))
    }

    /// The command that runs this seed of the campaign again.
    fn repeat(&self, seed: u64) -> Result<String, String> {
        let (Command::Run(asked) | Command::Coverage(asked)) = &self.cli.command else {
            return self.with_seed("replay", seed, self.profile(None)?);
        };
        let profile = self.profile(asked.profile.as_deref())?;
        if !asked.steer {
            return self.with_seed("replay", seed, profile);
        }
        // All runs before it, and then it.
        let start = if asked.start == 0 { String::new() } else { format!(" --start {}", asked.start) };
        let seeds = seed.saturating_sub(asked.start).saturating_add(1);
        let is_usual = self.profile(None)? == profile;
        let profile = if is_usual { String::new() } else { format!(" --profile {profile}") };
        self.command(&format!("run --steer --seeds {seeds}{start}{profile}"))
    }

    /// How documents of this world are noted that run one after the other.
    fn documents(&self, world: &dyn AnyWorld) -> Noted {
        let Origin { world: name, bug, .. } = self.origin_of("a run", world);
        let head = [("world", name.map(str::to_owned)), ("bug", bug.map(|(bug, _)| bug))];
        let head = head.into_iter().filter_map(|(key, value)| Some(format!("{key} = {:?}\n", value?))).collect();
        let file = format!("{}-ended", world.name());
        Noted::Document { head, file, scenario: format!("{} scenario", self.tool.command) }
    }

    /// Where the failing run of this seed comes from.
    fn origin(&self, seed: u64, profile: &str, made_by: Option<String>) -> Result<Origin, String> {
        let world = self.world()?;
        Ok(Origin {
            run: format!("seed {seed} of \"{profile}\""),
            name: format!("{}-{profile}-{seed}", world.name()),
            made_by,
            ..self.origin_of("a run", world)
        })
    }

    fn origin_of(&self, run: &str, world: &dyn AnyWorld) -> Origin {
        let bug = planter::planted_name();
        let says = self.planted.as_ref().map_or(String::new(), |planted| planted.what.clone());
        Origin {
            run: run.to_owned(),
            name: world.name().to_owned(),
            world: self.name_of(world),
            bug: bug.map(|bug| (bug, says)),
            made_by: None,
        }
    }
}
