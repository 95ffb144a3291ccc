//! `cargo sim shrink`: the failing run of a seed, made small.

use super::{Machine, ShrinkArgs};
use proxy_fetch_sim::{proxy::Plan, queue::shrink_seed, scenario::shrink_run};
use std::{fs, process::ExitCode, time::Duration};

pub(super) fn shrink(args: &ShrinkArgs) -> ExitCode {
    let within = Duration::from_secs(u64::from(args.within));
    match args.machine {
        Machine::Object => object(args, within),
        Machine::Queue => queue(args, within),
    }
}

fn breaks_no_law(seed: u64) -> ExitCode {
    println!("seed {seed} breaks no law");
    ExitCode::SUCCESS
}

fn queue(args: &ShrinkArgs, within: Duration) -> ExitCode {
    if args.output.is_some() {
        eprintln!("error: --output is not for --machine queue, which has no scenario files");
        return ExitCode::from(2);
    }
    let Some(shrunk) = shrink_seed(args.seed, within) else { return breaks_no_law(args.seed) };
    print!("{shrunk}");
    ExitCode::FAILURE
}

fn object(args: &ShrinkArgs, within: Duration) -> ExitCode {
    let Some(shrunk) = shrink_run(args.seed, Plan::draw(args.seed, args.profile), within) else {
        return breaks_no_law(args.seed);
    };
    let text = shrunk.to_text(args.output.as_deref());
    let written = match &args.output {
        Some(path) => fs::write(path, &text).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(()),
    };
    print!("{shrunk}");
    if let Some(path) = args.output.as_ref().filter(|_| written.is_ok()) {
        println!("\nrun it with: cargo sim scenario {}", path.display());
    }
    match written {
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
