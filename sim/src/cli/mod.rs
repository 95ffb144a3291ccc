//! The command line: what is asked for, and exit codes. 0: no law is broken, or nothing differs; 1: one is, or something
//! does; 2: wrong input.

mod explore;
#[cfg(feature = "planted")]
mod mutants;
mod output;
mod queue;
mod replay;
mod run;
mod scenario;
mod shrink;
mod summary;
mod verify;

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use proxy_fetch_sim::proxy::Profile;
use std::{path::PathBuf, process::ExitCode};

/// Simulates proxy-fetch: seeded time, seeded faults, every law checked at every step.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim", version)]
struct Cli {
    /// Plant this bug.
    #[cfg(feature = "planted")]
    #[arg(long, global = true, value_name = "NAME")]
    bug: Option<proxy_fetch::planted::Bug>,
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
    /// Run a scenario file and print its trace.
    Scenario(ScenarioArgs),
    /// Plant bugs, one after the other, and show which law finds each of them.
    #[cfg(feature = "planted")]
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

#[cfg(feature = "planted")]
#[derive(Debug, Args)]
struct MutantsArgs {
    /// Seeds per bug and profile at the most; by default what each profile needs.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Threads; by default one per core.
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
    /// Write the scenario to this file; there are none of the queue.
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    run_command(cli)
}

fn run_command(cli: Cli) -> ExitCode {
    let simulated = match &cli.command {
        Command::Run(args) => Some((args.machine, args.profile)),
        Command::Replay(args) => Some((args.machine, args.profile)),
        Command::Shrink(args) => Some((args.machine, args.profile)),
        #[cfg(feature = "planted")]
        Command::Mutants(_) => None,
        Command::Explore(_) | Command::Scenario(_) | Command::Verify(_) => None,
    };
    if let Some((Machine::Queue, profile)) = simulated
        && profile != Profile::Swarm
    {
        eprintln!("error: --profile {} is not for --machine queue, which has swarm only", profile.name());
        return ExitCode::from(2);
    }
    #[cfg(feature = "planted")]
    if let (Some(bug), Some(machine)) = (cli.bug, runs(&cli.command))
        && machine != bug.machine()
    {
        let (of_bug, of_command) = (mutants::key(bug.machine()), mutants::key(machine));
        eprintln!("error: the bug {bug} is in the machine `{of_bug}`; this runs `{of_command}`");
        return ExitCode::from(2);
    }
    // A panic of the machine is a finding like any other; it is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(feature = "planted")]
    proxy_fetch::planted::plant(cli.bug);
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Shrink(args) => shrink::shrink(&args),
        Command::Scenario(args) => scenario::scenario(&args),
        #[cfg(feature = "planted")]
        Command::Mutants(args) => mutants::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Verify(args) => verify::run(&args),
    }
}

/// The machine that a command runs, if it is one. The shell runs in `mutants` alone.
#[cfg(feature = "planted")]
const fn runs(command: &Command) -> Option<proxy_fetch::planted::Machine> {
    use proxy_fetch::planted::Machine::{Object, Queue};
    match command {
        Command::Run(RunArgs { machine, .. })
        | Command::Replay(ReplayArgs { machine, .. })
        | Command::Shrink(ShrinkArgs { machine, .. }) => match machine {
            Machine::Object => Some(Object),
            Machine::Queue => Some(Queue),
        },
        Command::Explore(_) | Command::Scenario(_) | Command::Verify(_) => Some(Object),
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
