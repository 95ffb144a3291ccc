//! `cargo sim shrink`: the failing run of a seed, made small.

use super::{
    Machine, ShrinkArgs,
    output::{code, print},
};
use proxy_fetch_sim::{finding::Finding, proxy, queue};
use std::{process::ExitCode, time::Duration};

pub(super) fn shrink(args: &ShrinkArgs) -> ExitCode {
    let within = Duration::from_secs(u64::from(args.within));
    let finding = match args.machine {
        Machine::Object => {
            let report = proxy::run_seed(args.seed, args.profile, proxy::Watch::default());
            Finding::of_seed(&report, args.profile, within)
        }
        Machine::Queue => {
            let report = queue::run_seed(args.seed, args.profile, queue::Watch::default());
            Finding::of_queue(&report, args.profile, within)
        }
    };
    match (finding, &args.output) {
        (None, None) => print(&format!("seed {} breaks no law\n", args.seed), ExitCode::SUCCESS),
        (None, Some(file)) => {
            let text =
                format!("seed {} breaks no law, so there is nothing to write to {}\n", args.seed, file.display());
            print(&text, ExitCode::SUCCESS)
        }
        (Some(finding), None) => print(&finding.to_string(), code(true)),
        (Some(mut finding), Some(file)) => {
            let written = finding.write_to(file);
            let exit = print(&finding.to_string(), code(true));
            match written {
                Ok(()) => exit,
                Err(error) => {
                    eprintln!("error: --output {}: {error}", file.display());
                    ExitCode::from(2)
                }
            }
        }
    }
}
