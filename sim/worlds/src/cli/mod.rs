//! `cargo sim`: the framework's command line for the object and the queue, and commands of this workspace's own.

#[cfg(feature = "lenses")]
mod checks;
mod search;
#[cfg(feature = "lenses")]
mod shell;
mod story;
#[cfg(feature = "lenses")]
mod survey;
mod verify;

use durable_sim::cli::{
    Extra, Mutants, Tool,
    clap::{ArgMatches, Args, Command, FromArgMatches, parser::ValueSource},
};
use proxy_fetch_sim::{bugs::MUTANTS, proxy::ProxyRuns, queue::QueueRuns};

const OURS: Mutants<'static> = Mutants {
    #[cfg(feature = "lenses")]
    lenses: &proxy_fetch_sim::mutants::LENSES,
    #[cfg(feature = "lenses")]
    checks: Some(checks::run),
    ..MUTANTS
};

/// What `cargo sim` is.
pub const TOOL: Tool<'static> =
    Tool::new("cargo sim", &[&ProxyRuns::SWARM, &QueueRuns::SWARM]).with_mutants(OURS).with_extras(EXTRAS);

const EXTRAS: &[Extra] = &[
    Extra {
        command: || search::SearchArgs::augment_args(Command::new("search")),
        run: |tool, matches| {
            let says_kinds = matches.value_source("kinds") == Some(ValueSource::CommandLine);
            search::run(tool, &args(matches)?, says_kinds)
        },
        stops: true,
        worlds: &["object"],
    },
    Extra {
        command: || story::StoryArgs::augment_args(Command::new("story")),
        run: |_, matches| story::run(&args(matches)?),
        stops: false,
        worlds: &["object"],
    },
    Extra {
        command: || verify::VerifyArgs::augment_args(Command::new("verify")),
        run: |_, matches| verify::run(&args(matches)?),
        stops: false,
        worlds: &["object"],
    },
    #[cfg(feature = "lenses")]
    Extra {
        command: || shell::ShellArgs::augment_args(Command::new("shell")),
        run: |_, matches| Ok(shell::run(&args(matches)?)),
        stops: false,
        worlds: &["shell"],
    },
    #[cfg(feature = "lenses")]
    Extra {
        command: || survey::SurveyArgs::augment_args(Command::new("survey")),
        run: |_, matches| survey::run(&args(matches)?),
        stops: false,
        worlds: &[],
    },
];

fn args<A: FromArgMatches>(matches: &ArgMatches) -> Result<A, String> {
    A::from_arg_matches(matches).map_err(|error| error.to_string())
}
