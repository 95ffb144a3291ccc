//! The tests of a world, made by [`tests!`](crate::tests).

pub use insta;

use crate::{
    campaign::{Campaign, Finding, Listener, Summary, left_running, run},
    engine::{Recorder, panic_text},
    finding::{AnyWorld, Origin, small},
    plan::{Simulation, conflict_at, read, write},
};
use std::{
    env, fs,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

/// A failure is made small within this.
const SHRINK_WITHIN: Duration = Duration::from_secs(10);
/// Of so many seeds one is written out and read again.
const WRITTEN_OUT: u64 = 20;

/// The environment's number of this name, `least` or more.
///
/// # Panics
/// If it is none: what cannot be done is an error.
#[must_use]
pub fn number(name: &str, default: u64, least: u64) -> u64 {
    let Some(text) = env::var_os(name) else { return default };
    match text.to_str().map(str::parse) {
        Some(Ok(number)) if number >= least => number,
        Some(_) | None => panic!("{name}={} is not a whole number from {least} on", text.display()),
    }
}

/// `SIM_PROFILE`, or the world's usual one.
fn profile<S: Simulation>() -> &'static str {
    let usual = S::PROFILES.first().copied().unwrap_or_default();
    let Some(wanted) = env::var_os("SIM_PROFILE") else { return usual };
    let wanted = wanted.to_string_lossy();
    let known = S::PROFILES.iter().copied().find(|known| *known == wanted);
    known.unwrap_or_else(|| {
        let nearest = crate::nearest(&wanted, S::PROFILES.iter().copied());
        panic!("SIM_PROFILE={wanted}: there is no such profile{nearest}")
    })
}

/// What the tests look for in the environment.
const VARIABLES: [&str; 4] = ["SIM_SEEDS", "SIM_START", "SIM_PROFILE", "SIM_SLOW"];

/// What a variable was probably meant to be that nothing looks for.
fn misspelt(name: &str) -> Option<&'static str> {
    let is_near = |known: &&&str| matches!(strsim::damerau_levenshtein(name, known), 1 | 2);
    VARIABLES.iter().find(is_near).copied().filter(|_| !VARIABLES.contains(&name))
}

/// Says it at once: a test's own output is kept until the test is over, and lost if its process ends.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

struct Aloud<'a> {
    /// How a seed is run again.
    repeat: &'a (dyn Fn(u64) -> String + Sync),
}

impl Listener for Aloud<'_> {
    fn found(&self, Finding { seed, breaks, .. }: &Finding) {
        let repeat = (self.repeat)(*seed);
        say(&format!("seed {seed} breaks \"{}\": {}\n  repeat it with: {repeat}", breaks.law, breaks.what));
    }

    fn slow(&self, seed: u64, step: u64) {
        let repeat = (self.repeat)(seed);
        say(&format!(
            "seed {seed} takes too long, and may have no end: it is in step {step}\n  repeat it with: {repeat}"
        ));
        process::exit(1);
    }
}

/// A campaign's summary, or that it found something: it was told then.
pub type Ran = Result<Summary, String>;

/// Runs `SIM_SEEDS` seeds from `SIM_START` (0) on, in the way of `SIM_PROFILE`. If one breaks a law, the first one is made
/// small and told.
///
/// # Errors
/// Also if the environment asks for what cannot be done.
pub fn campaign<S: Simulation + Clone + Sync>(world: &S, seeds: u64, test: &str, command: Option<&str>) -> Ran {
    // Several tests look at the result; each of them should fail for the reason.
    let ran = panic::catch_unwind(AssertUnwindSafe(|| campaign_of(world, seeds, test, command)));
    ran.unwrap_or_else(|panic| Err(panic_text(&*panic)))
}

fn campaign_of<S: Simulation + Clone + Sync>(world: &S, seeds: u64, test: &str, command: Option<&str>) -> Ran {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    if let Some((name, meant)) = names.into_iter().find_map(|name| misspelt(&name).map(|meant| (name, meant))) {
        panic!("{name} is in the environment and says nothing; is `{meant}` meant?");
    }
    run_profile(world, profile::<S>(), number("SIM_SEEDS", seeds, 1), test, command)
}

/// Of each of these profiles so many seeds, as many times more as `SIM_SEEDS` is more than `seeds`. With `SIM_PROFILE` none:
/// the campaign is of that one.
///
/// # Panics
/// If one breaks a law.
pub fn profiles<S: Simulation + Clone + Sync>(
    world: &S,
    profiles: &[(&'static str, u64)],
    seeds: u64,
    test: &str,
    command: Option<&str>,
) {
    if env::var_os("SIM_PROFILE").is_some() {
        return;
    }
    let all = number("SIM_SEEDS", seeds, 1);
    for (profile, share) in profiles {
        assert!(S::PROFILES.contains(profile), "there is no profile {profile:?}");
        let share = all.saturating_mul(*share).div_ceil(seeds.max(1));
        let _ = held(&run_profile(world, profile, share, test, command));
    }
}

/// The summary of a campaign that broke no law.
///
/// # Panics
/// If it broke one: it was told.
pub fn held(ran: &Ran) -> &Summary {
    match ran {
        Ok(summary) => summary,
        // The report has said all: the place in this file would say nothing more.
        Err(found) => std::panic::resume_unwind(Box::new(found.clone())),
    }
}

fn run_profile<S: Simulation + Clone + Sync>(
    world: &S,
    profile: &'static str,
    seeds: u64,
    test: &str,
    command: Option<&str>,
) -> Ran {
    let usual = S::PROFILES.first() == Some(&profile);
    // As it is typed: without the crate, which has a test binary of its own.
    let test = test.split_once("::").map_or(test, |(_, test)| test);
    let repeat = |seed: u64| match command {
        Some(command) if usual => format!("{command} replay {seed}"),
        Some(command) => format!("{command} replay {seed} --profile {profile}"),
        None if usual => format!("SIM_START={seed} SIM_SEEDS=1 cargo test {test}"),
        None => format!("SIM_START={seed} SIM_SEEDS=1 SIM_PROFILE={profile} cargo test {test}"),
    };
    let aloud = Aloud { repeat: &repeat };
    let running = running(&format!("{test}-{profile}"));
    let asked = Campaign {
        start: number("SIM_START", 0, 0),
        seeds,
        slow: Duration::from_secs(number("SIM_SLOW", 60, 1)),
        running: running.clone(),
        ..Campaign::default()
    };
    let mut world = world.clone();
    world.set_profile(profile);
    if let Some(folder) = &running {
        let left = left_running(folder).seeds;
        for seed in left {
            say(&format!(
                "a test before this one ended while seed {seed} ran, which is run alone now: {}",
                repeat(seed)
            ));
            let alone = Campaign { start: seed, seeds: 1, jobs: 1, ..asked.clone() };
            found(&world, profile, run(&world, &alone, &aloud), &repeat, command)?;
        }
    }
    found(&world, profile, run(&world, &asked, &aloud), &repeat, command)
}

/// The world's own profile is set already.
fn found<S: Simulation + Clone + Sync>(
    world: &S,
    profile: &'static str,
    summary: Result<Summary, String>,
    repeat: &dyn Fn(u64) -> String,
    command: Option<&str>,
) -> Ran {
    let summary = summary.unwrap_or_else(|error| panic!("{error}"));
    let Some(Finding { seed, .. }) = summary.findings.first() else { return Ok(summary) };
    let origin = Origin {
        run: format!("seed {seed} of \"{profile}\""),
        name: format!("{}-{profile}-{seed}", S::NAME),
        ..Origin::default()
    };
    let again = format!("repeat the whole seed with: {}", repeat(*seed));
    let run = command.map(|command| format!("{command} scenario"));
    let told = match small(world as &dyn AnyWorld, &Simulation::draw(world, *seed), origin, SHRINK_WITHIN) {
        Ok(small) => small.tell(None, run.as_deref(), Some(&again)).unwrap_or_else(|error| error.to_string()),
        Err(why) => format!("{why}\n{again}"),
    };
    let verb = if summary.findings.len() == 1 { "breaks" } else { "break" };
    let count = format!("{} of {} seeds {verb} a law", summary.findings.len(), summary.seeds);
    say(&format!("{count}\n\n{told}"));
    Err(count)
}

/// Beside the program, so that it is of this build; each test its own.
fn running(test: &str) -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    Some(program.with_extension(format!("{}.durable-sim", test.replace("::", "-"))))
}

/// What can be and was not come to.
///
/// # Panics
/// If there is any, and the campaign had at least so many seeds: a smaller one need not come to all.
pub fn covered(ran: &Ran, seeds: u64) {
    let Ok(summary) = ran else {
        say("what the campaign comes to says nothing while it breaks a law");
        let _ = held(ran);
        return;
    };
    let missing = summary.coverage.missing();
    if summary.seeds >= seeds {
        assert!(missing.is_empty(), "{} seeds never came to: {}", summary.seeds, missing.join("; "));
    }
}

/// Every run of the world's small plan that differs from plain in two decisions, or so many runs: no law is broken.
///
/// # Panics
/// If one breaks one, or the plan is none.
pub fn explored<S: Simulation + Clone + Sync>(world: &S, runs: u64) {
    let (_, plan) = read(S::SCHEMA, S::PLAN).unwrap_or_else(|error| panic!("PLAN: {error}"));
    let (_, first) = AnyWorld::deviations(world, &plan, 2, runs);
    if let Some((document, breaks)) = first {
        let file = write(S::SCHEMA, &[], &[], &document);
        panic!("\"{}\" is broken: {}\n\n{file}", breaks.law, breaks.what);
    }
}

/// Seeds written out as texts and read again give the digests that they gave.
///
/// # Panics
/// If one does not.
pub fn written_out<S: Simulation + Clone>(world: &S, seeds: u64) {
    let mut world = world.clone();
    world.set_profile(profile::<S>());
    let start = number("SIM_START", 0, 0);
    for seed in (start..start.saturating_add(number("SIM_SEEDS", seeds, 1))).step_by(WRITTEN_OUT as usize) {
        let drawn = world.draw(seed);
        let digest = world.run(&drawn, Recorder::default()).sim.recorder.digest();
        let (document, _) = world.written_out(&drawn);
        let file = write(S::SCHEMA, &[], &[], &document);
        let again = read(S::SCHEMA, &file).map(|(_, again)| again);
        assert_eq!(again.as_ref(), Ok(&document), "seed {seed} is not read as it was written:\n{file}");
        let played = world.run(&document, Recorder::default()).sim;
        assert_eq!(played.recorder.digest(), digest, "seed {seed} is another run when it is written out:\n{file}");
        assert_eq!(played.notes(), Vec::<String>::new(), "seed {seed}:\n{file}");
    }
}

/// The scenario files of this folder of the package, by their names, each with its trace: none breaks a law, whatever bug
/// it names, and each does what it says.
///
/// # Panics
/// If a file is wrong, breaks a law, or says what its run does not do.
#[must_use]
pub fn corpus(world: &dyn AnyWorld, package: &str, folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(package).join(folder);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "toml"));
    let mut traces: Vec<(String, String)> = files.map(|path| trace_of(world, &path)).collect();
    traces.sort();
    traces
}

fn trace_of(world: &dyn AnyWorld, path: &Path) -> (String, String) {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = read(world.schema(), &text);
    let (head, document) = read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if let Some(conflict) = world.conflict(&document) {
        panic!("{}: {}", path.display(), conflict_at(world.schema(), &text, &conflict));
    }
    let shown = world.run(&document, None);
    assert!(shown.steps > 0, "{}: nothing happens in it: it has no items", path.display());
    let (trace, verdict) = (shown.trace().iter().map(|line| format!("{line}\n")).collect::<String>(), shown.verdict());
    assert!(shown.breaks.is_none(), "{}: {verdict}\n{trace}", path.display());
    assert!(shown.notes.is_empty(), "{}: {}\n{trace}", path.display(), shown.notes.join("; "));
    let about = head.get("about").map_or(String::new(), |about| format!("{about}\n\n"));
    (name, format!("{about}{trace}{verdict}"))
}

/// Makes the tests of a world: a campaign (`SIM_SEEDS`, `SIM_START`, `SIM_PROFILE`; `SIM_SLOW` is the number of seconds
/// after which a run has no end), its coverage, seeds written out, the first 20,000 runs of the exhaustive search of its
/// small plan, and the scenario files of the folder `scenarios` of the
/// package with their snapshots in `snapshots`. A share of all seeds is run twice.
///
/// `seeds` is how many seeds the campaign has unless the environment says so, and after which everything must have been come
/// to; 1,000 unless it is said. `command` is how the program is called whose command line is `cli::main`: a failure says how
/// it is repeated. `profiles` are others besides the usual one, each with a number of seeds. `scenarios` and `snapshots` are
/// other folders than those, from the package. With `mutants`, each mistake of its tables must be one that can be planted.
///
/// ```text
/// durable_sim::tests! { Counters::default(), command: "cargo run --" }
/// ```
#[macro_export]
macro_rules! tests {
    ($world:expr $(, seeds: $seeds:expr)? $(, command: $command:expr)? $(, profiles: $profiles:expr)? $(, scenarios: $scenarios:expr)? $(, snapshots: $snapshots:expr)? $(, mutants: $mutants:expr)? $(,)?) => {
        const SEEDS: u64 = $crate::tests!(@or 1_000 $(, $seeds)?);

        const COMMAND: ::std::option::Option<&str> =
            $crate::tests!(@or ::std::option::Option::None $(, ::std::option::Option::Some($command))?);

        fn the_campaign() -> &'static $crate::testing::Ran {
            static RAN: ::std::sync::LazyLock<$crate::testing::Ran> = ::std::sync::LazyLock::new(|| {
                $crate::testing::campaign(&$world, SEEDS, concat!(module_path!(), "::campaign"), COMMAND)
            });
            &RAN
        }

        #[test]
        fn campaign() {
            println!("{}", $crate::testing::held(the_campaign()).proves().unwrap_or_default());
        }

        $(
            #[test]
            fn profiles() {
                $crate::testing::profiles(&$world, &$profiles, SEEDS, concat!(module_path!(), "::profiles"), COMMAND);
            }
        )?

        #[test]
        fn coverage() {
            $crate::testing::covered(the_campaign(), SEEDS);
        }

        #[test]
        fn written_out() {
            $crate::testing::written_out(&$world, SEEDS);
        }

        #[test]
        fn explored() {
            $crate::testing::explored(&$world, 20_000);
        }

        #[test]
        fn corpus() {
            use $crate::testing::insta;
            let folder = $crate::tests!(@or "scenarios" $(, $scenarios)?);
            for (name, trace) in $crate::testing::corpus(&$world, env!("CARGO_MANIFEST_DIR"), folder) {
                insta::with_settings!({
                    snapshot_path => ::std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                        .join($crate::tests!(@or "snapshots" $(, $snapshots)?)),
                    prepend_module_to_snapshot => false,
                    omit_expression => true,
                }, {
                    insta::assert_snapshot!(name, trace);
                });
            }
        }

        $(
            #[test]
            fn mutants() {
                $mutants.assert_can_be_planted();
            }
        )?
    };
    (@or $default:expr) => { $default };
    (@or $default:expr, $said:expr) => { $said };
    ($($other:tt)*) => {
        compile_error! { "tests of a world are: `World, seeds: 1_000, command: \"cargo run --\", profiles: [(\"calm\", 100)], scenarios: \"scenarios\", snapshots: \"snapshots\", mutants: MUTANTS`, in this order" }
    };
}
