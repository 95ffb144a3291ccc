//! `cargo sim shrink`: the failing run of a seed, made small.

use super::{
    Machine, ShrinkArgs,
    output::{code, print},
};
use proxy_fetch_sim::{finding::Finding, proxy, queue};
use std::{fs::File, process::ExitCode, time::Duration};

pub(super) fn shrink(args: &ShrinkArgs) -> ExitCode {
    let within = Duration::from_secs(u64::from(args.within));
    let finding = match args.machine {
        Machine::Object => {
            let report = proxy::run_seed(args.seed, args.profile, proxy::Watch::default());
            Finding::of_seed(&report, args.profile, within)
        }
        Machine::Queue if args.output.is_some() => {
            eprintln!("error: --output is not for --machine queue, which has no scenario files");
            return ExitCode::from(2);
        }
        Machine::Queue => Finding::of_queue(&queue::run_seed(args.seed, queue::Watch::default()), within),
    };
    match (finding, &args.output) {
        (None, None) => print(&format!("seed {} breaks no law\n", args.seed), ExitCode::SUCCESS),
        (None, Some(file)) => {
            let text =
                format!("seed {} breaks no law, so there is nothing to write to {}\n", args.seed, file.display());
            print(&text, ExitCode::SUCCESS)
        }
        (Some(finding), None) => print(&finding.to_string(), code(true)),
        (Some(finding), Some(file)) => {
            // Found out first: a report that could not be written where it was asked for is an error.
            let can_be_written = File::create(file);
            let exit = print(&finding.with_file(file.clone()).to_string(), code(true));
            match can_be_written {
                Ok(_) => exit,
                Err(error) => {
                    eprintln!("error: --output {}: {error}", file.display());
                    ExitCode::from(2)
                }
            }
        }
    }
}
