//! `cargo sim shrink`: the failing run of a seed, made small.

use super::ShrinkArgs;
use proxy_fetch_sim::{proxy::Plan, scenario::shrink_run};
use std::{fs, process::ExitCode, time::Duration};

pub(super) fn shrink(args: &ShrinkArgs) -> ExitCode {
    let Some(shrunk) =
        shrink_run(args.seed, Plan::draw(args.seed, args.profile), Duration::from_secs(u64::from(args.within)))
    else {
        println!("seed {} breaks no law", args.seed);
        return ExitCode::SUCCESS;
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
