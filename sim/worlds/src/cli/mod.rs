//! The command line: what is asked for, and exit codes. 0: no law is broken, or nothing differs; 1: a law is broken, or
//! something differs; 2: wrong input.

#[cfg(feature = "lenses")]
mod checks;
mod deviations;
mod explore;
#[cfg(feature = "lenses")]
mod generic;
#[cfg(feature = "lenses")]
mod mutants;
mod output;
mod planted;
mod queue;
mod replay;
mod run;
mod scenario;
#[cfg(feature = "lenses")]
mod shell;
mod shrink;
mod summary;
mod verify;

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use durable_sim::planter::VARIABLE;
use proxy_fetch_sim::{
    bugs::{self as table, Bug},
    proxy::Profile,
};
use std::{
    env,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process::ExitCode,
};

const EXIT_CODES: &str = "Exit codes: 0: no law is broken, or nothing differs; 1: a law is broken, or something \
                          differs; 2: what was asked for cannot be done, or the output cannot be written.";

/// Simulates proxy-fetch: seeded time, seeded faults, every law checked at every step.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim", version, after_help = EXIT_CODES)]
struct Cli {
    /// Do it in a copy of the workspace with this bug (`cargo sim mutants --list` lists them). The copy is built first.
    #[arg(long, global = true, value_name = "NAME", value_parser = table::bug)]
    bug: Option<&'static Bug>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a campaign of many seeds.
    Run(RunArgs),
    /// Run one seed again and print its trace, one line per step.
    Replay(ReplayArgs),
    /// Make the failing run of a seed small: as few requests and faults as break the same law, as early and as plain as
    /// can be.
    Shrink(ShrinkArgs),
    /// Run a scenario file (a plan, a path of `explore`, or a story) and print its trace.
    Scenario(ScenarioArgs),
    /// Run the native host's shell on madsim under a nemesis, as the seed says, and print what its host recorded.
    #[cfg(feature = "lenses")]
    Shell(ShellArgs),
    /// Plant all bugs into a copy of the workspace, build it, and show which law finds each of them.
    #[cfg(feature = "lenses")]
    Mutants(MutantsArgs),
    /// Go through every schedule of a small scope, shortest first.
    Explore(explore::ExploreArgs),
    /// Take the turns again that a worker recorded, and compare effects, alarms and rows.
    Verify(VerifyArgs),
}

/// Which machine is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Machine {
    /// The durable object's.
    Object,
    /// The consumer of the Queue variant.
    Queue,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The machine.
    #[arg(long, value_enum, default_value = "object")]
    machine: Machine,
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// calm (no faults, strict laws), swarm (each seed draws its own mix of faults) or soak (hours, many requests).
    #[arg(long, default_value = "swarm")]
    profile: Profile,
    /// Threads; by default one per core.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Vary plans that reached something rare, in every second run.
    #[arg(long)]
    steer: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// The machine.
    #[arg(long, value_enum, default_value = "object")]
    machine: Machine,
    /// The seed.
    seed: u64,
    /// Stop after this step and print the machine's state.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    at: Option<u64>,
    /// The profile that the seed was run with.
    #[arg(long, default_value = "swarm")]
    profile: Profile,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[cfg(feature = "lenses")]
#[derive(Debug, Args)]
struct ShellArgs {
    /// The seed.
    seed: u64,
}

#[cfg(feature = "lenses")]
#[derive(Debug, Args)]
struct MutantsArgs {
    /// Only list the bugs, with what they are planted in.
    #[arg(long, conflicts_with_all = ["check", "seeds", "jobs", "json"])]
    list: bool,
    /// Only look whether each bug can be planted, and name those whose text is gone or not the only one of its kind.
    #[arg(long, conflicts_with_all = ["seeds", "jobs", "json"])]
    check: bool,
    /// Look for the mutants that `cargo mutants --list --json` wrote to this file (`-` is the standard input), in the place
    /// of the bugs of the tables.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "check", "seeds"])]
    cargo_mutants: Option<PathBuf>,
    /// Seeds per bug and profile at the most; by default what each profile needs.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Bugs at a time; by default one per core.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShrinkArgs {
    /// The machine.
    #[arg(long, value_enum, default_value = "object")]
    machine: Machine,
    /// The seed.
    seed: u64,
    /// The profile that the seed was run with.
    #[arg(long, default_value = "swarm")]
    profile: Profile,
    /// Write the small run to this file, as a scenario.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Seconds that it may take.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    within: u16,
}

#[derive(Debug, Args)]
struct ScenarioArgs {
    /// The file.
    file: PathBuf,
    /// Do not plant the bug that the file names.
    #[arg(long)]
    without_bug: bool,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// Logs of workers that ran with PROXY_FETCH_RECORD=true; `-` is the standard input.
    #[arg(required = true, value_name = "FILE")]
    logs: Vec<PathBuf>,
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    // Whoever sets it means a copy; here it would be without effect, and nobody would be told.
    if table::planted().is_none() && env::var_os(VARIABLE).is_some() {
        eprintln!("error: {VARIABLE} is for planted copies; here `--bug NAME` says which bug is meant");
        return ExitCode::from(2);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    // Panics of a machine are findings and caught where it runs; any other is a mistake of the simulator.
    panic::catch_unwind(AssertUnwindSafe(|| run_command(cli))).unwrap_or_else(|panic| {
        eprintln!("error: the simulator itself failed, which is a bug of it: {}", durable_sim::panic_text(&*panic));
        ExitCode::from(101)
    })
}

fn run_command(cli: Cli) -> ExitCode {
    if let Command::Run(RunArgs { machine: Machine::Queue, steer: true, .. }) = &cli.command {
        eprintln!("error: --steer is not for --machine queue, whose runs collect no features");
        return ExitCode::from(2);
    }
    if let Command::Run(RunArgs { start, seeds, .. }) = &cli.command
        && start.checked_add(seeds - 1).is_none()
    {
        eprintln!("error: --start {start} with --seeds {seeds}: the last seed would be above {}", u64::MAX);
        return ExitCode::from(2);
    }
    if let (Some(bug), Some(machine)) = (cli.bug, runs(&cli.command)) {
        if machine != bug.machine {
            let (of_bug, of_command) = (bug.machine.key(), machine.key());
            eprintln!("error: the bug {bug} is in the machine `{of_bug}`; this runs `{of_command}`");
            return ExitCode::from(2);
        }
        if table::planted().is_none() {
            return planted::run(bug);
        }
    }
    // A panic of the machine is a finding like any other; it is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Shrink(args) => shrink::shrink(&args),
        Command::Scenario(args) => scenario::scenario(&args, cli.bug),
        #[cfg(feature = "lenses")]
        Command::Shell(args) => shell::run(&args),
        #[cfg(feature = "lenses")]
        Command::Mutants(args) => mutants::run(&args, cli.bug),
        Command::Explore(args) => explore::run(&args),
        Command::Verify(args) => verify::run(&args),
    }
}

/// The machine that a command runs, if it is one.
fn runs(command: &Command) -> Option<table::Machine> {
    use table::Machine::{Object, Queue};
    match command {
        Command::Run(RunArgs { machine, .. })
        | Command::Replay(ReplayArgs { machine, .. })
        | Command::Shrink(ShrinkArgs { machine, .. }) => match machine {
            Machine::Object => Some(Object),
            Machine::Queue => Some(Queue),
        },
        Command::Explore(args) => Some(args.machine()),
        Command::Verify(_) => Some(Object),
        // Its file says it.
        Command::Scenario(_) => None,
        #[cfg(feature = "lenses")]
        Command::Shell(_) => Some(table::Machine::Shell),
        #[cfg(feature = "lenses")]
        Command::Mutants(_) => None,
    }
}

/// Help goes to people as it is; of an error, its one line.
fn explain(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return output::print(&text, ExitCode::SUCCESS);
    }
    // What is missing stands on lines of its own below the first.
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    let first = lines.collect::<Vec<_>>().join(" ");
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprintln!(
            "error: say `run`, `replay`, `shrink`, `scenario`, `explore` or `verify`; `cargo sim --help` explains"
        );
    } else {
        eprintln!("{first}");
    }
    ExitCode::from(2)
}
