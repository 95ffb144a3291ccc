//! `run` and `coverage`.

use super::{
    args::{Args, RunArgs},
    output::{can_be_written, code, counted, print, say},
    show::tell,
    watched::{self, INTERRUPTED, Runs, folder, watched},
};
use crate::{
    campaign::{Campaign, Finding, Listener, Summary},
    finding::{self, AnyWorld},
};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt::Write,
    process::{self, ExitCode},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Findings that are told, besides the first of each law; the others are counted.
const TOLD: usize = 10;
/// The first of them is made small within this.
const SHRINK_WITHIN: Duration = Duration::from_secs(10);

/// Columns of the names of rows.
const WIDE: usize = 58;

/// What a campaign is run for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Verdict,
    Coverage,
}

/// Tells of each finding at once, on stderr.
struct Aloud<'a> {
    args: &'a Args<'a>,
    bar: ProgressBar,
    is_steered: bool,
    told: AtomicUsize,
    /// Those that were told as broken.
    laws: Mutex<BTreeSet<&'static str>>,
}

impl Listener for Aloud<'_> {
    fn found(&self, Finding { seed, breaks, .. }: &Finding) {
        watched::note_found();
        let is_new = self.laws.lock().unwrap_or_else(PoisonError::into_inner).insert(breaks.law);
        if self.told.fetch_add(1, Ordering::Relaxed) < TOLD || is_new {
            let text = format!("seed {seed} breaks \"{}\" at step {}: {}", breaks.law, breaks.step, breaks.what);
            let repeat = self.args.repeat(*seed).unwrap_or_else(|error| error);
            self.bar.suspend(|| say(&format!("{text}\n  repeat it with: {repeat}")));
        }
    }

    fn done(&self, seeds: u64) {
        if seeds.is_multiple_of(32) {
            self.bar.set_position(seeds);
        }
    }

    fn slow(&self, seed: u64, step: u64) {
        let repeat = self.args.repeat(seed).unwrap_or_else(|error| error);
        // What a seed has drawn alone can be run up to a step.
        let repeat = if self.is_steered { repeat } else { format!("{repeat} --at {}", step.saturating_sub(1)) };
        self.bar.finish_and_clear();
        say(&format!("seed {seed} takes too long, and may have no end: it is in step {step}"));
        say(&format!("  {}: {repeat}", if self.is_steered { "repeat it with" } else { "what comes before" }));
        process::exit(1);
    }
}

pub(super) fn run(args: &Args<'_>, asked: &RunArgs, wanted: Wanted) -> Result<ExitCode, String> {
    let (world, profile) = (args.world()?, args.profile(asked.profile.as_deref())?);
    if let Some(most) = asked.nothing_new.filter(|most| *most >= asked.seeds) {
        return Err(format!("--nothing-new {most} is not below --seeds {}, so it would have no effect", asked.seeds));
    }
    can_be_written(asked.output.as_deref())?;
    let slow = Duration::from_secs(asked.slow.slow);
    let runs = Runs { seeds: Some(&|seed| args.repeat(seed)), noted: args.documents(world), slow };
    watched(&runs, || campaign(args, asked, wanted, (world, profile), &runs))
}

fn campaign(
    args: &Args<'_>,
    asked: &RunArgs,
    wanted: Wanted,
    (world, profile): (&dyn AnyWorld, &'static str),
    runs: &Runs<'_>,
) -> Result<ExitCode, String> {
    let campaign = Campaign {
        start: asked.start,
        seeds: asked.seeds,
        jobs: asked.jobs(),
        steer: asked.steer,
        fail_fast: asked.fail_fast,
        nothing_new: asked.nothing_new,
        slow: runs.slow,
        running: folder(),
    };
    // Only drawn on a terminal.
    let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} seeds, {per_sec}, {eta} left");
    let bar = ProgressBar::new(asked.seeds).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    #[expect(clippy::disallowed_methods, reason = "the campaign's own speed is measured, nothing simulated")]
    let began = Instant::now();
    let aloud = Aloud { args, bar, is_steered: asked.steer, told: AtomicUsize::new(0), laws: Mutex::default() };
    let found = world.campaign(profile, &campaign, &aloud)?;
    let wall = began.elapsed().max(Duration::from_micros(1));
    aloud.bar.finish_and_clear();
    let is_broken = !found.findings.is_empty();
    let ends = |text: &str| match print(text, is_broken) {
        exit if exit == ExitCode::SUCCESS && found.is_interrupted => ExitCode::from(INTERRUPTED),
        exit => exit,
    };
    if asked.json {
        return Ok(ends(&format!("{}\n", to_json(args, profile, &campaign, &found, wall)?)));
    }
    let mut text = head(profile, &campaign, &found, wall);
    if wanted == Wanted::Coverage {
        text.push_str(&table(&found));
    }
    // The usual profile is there to come to all; another one is drawn for something else.
    let is_usual = args.profile(None)? == profile;
    text.push_str(&verdict(&found, is_usual || wanted == Wanted::Coverage));
    let Some(first) = found.findings.first().filter(|_| wanted == Wanted::Verdict || asked.output.is_some()) else {
        if let Some(path) = &asked.output {
            say(&format!("note: --output: there is nothing to write to {}", path.display()));
        }
        return Ok(ends(&text));
    };
    if found.is_interrupted {
        text.push_str(&format!("repeat the first with: {}\n", args.repeat(first.seed)?));
        if let Some(path) = &asked.output {
            say(&format!("note: --output: it was interrupted, so nothing is written to {}", path.display()));
        }
        return Ok(ends(&text));
    }
    runs.note()?;
    // What is known so far, in case the rest takes long.
    let exit = print(&format!("{text}\nThe first, made small.\n\n"), is_broken);
    if exit != code(is_broken) {
        return Ok(exit);
    }
    let repeat = args.repeat(first.seed)?;
    let made_by = if asked.steer { None } else { Some(args.with_seed("shrink", first.seed, profile)?) };
    let document = first.document.as_ref().map_or_else(|| world.draw(profile, first.seed), |it| (**it).clone());
    let origin = args.origin(first.seed, profile, made_by)?;
    match finding::small(world, &document, origin, SHRINK_WITHIN) {
        Ok(small) => {
            let repeat = format!("repeat the whole seed with: {repeat}");
            Ok(tell(args, "", &small, asked.output.as_deref(), Some(&repeat)))
        }
        Err(why) => Ok(print(&format!("seed {}: {why}\nrepeat it with: {repeat}\n", first.seed), is_broken)),
    }
}

fn head(profile: &str, campaign: &Campaign, found: &Summary, wall: Duration) -> String {
    let seconds = wall.as_secs_f64();
    let (seeds, steps) = (HumanCount(found.seeds), HumanCount(found.steps));
    let (start, jobs) = (campaign.start, counted(campaign.jobs as u64, "thread"));
    let days = found.simulated as f64 / 1e6 / 86_400.0;
    let speed = found.steps as f64 / seconds / 1e6;
    let lists: String = found.coverage.lists().map(|(name, list)| format!("{name:<12} {list}\n")).collect();
    let varied = HumanCount(found.seeds - found.drawn);
    let how = if campaign.steer { format!(", steered: {varied} of them varied from others") } else { String::new() };
    let ratio = HumanCount((found.simulated as f64 / 1e6 / seconds) as u64);
    format!(
        "seeds        {seeds} from {start} on, {profile}{how}\nevents       {steps} in {seconds:.1} s on {jobs}: \
         {speed:.2} million per second\nsimulated    {days:.1} days, {ratio} : 1 of wall time\n{lists}"
    )
}

fn table(found: &Summary) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (grid, rows) in found.coverage.grids().filter(|(grid, _)| grid.columns.len() > 1) {
        let _ = write!(text, "\n{:<WIDE$}", grid.name);
        for column in grid.columns {
            let _ = write!(text, " {column:>10}");
        }
        text.push('\n');
        for (row, counts) in rows {
            let _ = write!(text, "{row:<WIDE$}");
            for (column, times) in grid.columns.iter().zip(counts) {
                let cannot = *times == 0 && (grid.cannot)(row, column).is_some();
                let shown = if cannot { "·".to_owned() } else { HumanCount(*times).to_string() };
                let _ = write!(text, " {shown:>10}");
            }
            text.push('\n');
        }
    }
    let mut marks = found.coverage.marks().peekable();
    if marks.peek().is_some() {
        let _ = writeln!(text, "\n{:<WIDE$} {:>10}", "now and then", "times");
    }
    for (mark, times) in marks {
        let _ = writeln!(text, "{:<WIDE$} {:>10}", mark.says, HumanCount(times).to_string());
    }
    text.push('\n');
    text
}

fn verdict(found: &Summary, with_coverage: bool) -> String {
    let missing = found.coverage.missing();
    let has_any = found.coverage.marks().next().is_some() || found.coverage.grids().next().is_some();
    let mut text = match missing.as_slice() {
        _ if !with_coverage => String::new(),
        [] if has_any => "covered      all that can occur\n".to_owned(),
        [] => String::new(),
        missing => format!("not covered  {}\n", missing.join(", ")),
    };
    if found.is_interrupted {
        text.push_str("ended        because it was interrupted\n");
    }
    if found.nothing_new {
        text.push_str("ended        because nothing new was reached any more\n");
    }
    let mut laws: Vec<&str> = found.findings.iter().map(|finding| finding.breaks.law).collect();
    laws.sort_unstable();
    laws.dedup();
    match found.proves() {
        Some(proves) => text.push_str(&format!("violations   none: {proves}\n")),
        None if found.seeds == 0 => text.push_str("violations   no seed was run to its end\n"),
        None => {
            let count = found.findings.len();
            text.push_str(&format!("violations   {}: {}\n", counted(count as u64, "seed"), laws.join(", ")));
            if count > TOLD {
                text.push_str(&format!(
                    "told         the {TOLD} that were found first, and the first of each law; --json has all\n"
                ));
            }
        }
    }
    text
}

fn to_json(
    args: &Args<'_>,
    profile: &str,
    campaign: &Campaign,
    found: &Summary,
    wall: Duration,
) -> Result<Value, String> {
    let marks = found.coverage.marks().map(|(mark, times)| json!({"mark": mark.says, "times": times}));
    let mut cells = Vec::new();
    for (grid, rows) in found.coverage.grids() {
        for (row, counts) in rows {
            cells.extend(grid.columns.iter().zip(counts).map(|(column, times)| {
                let cannot = (grid.cannot)(row, column);
                json!({"grid": grid.name, "row": row, "column": column, "times": times, "cannot": cannot})
            }));
        }
    }
    let violations = found.findings.iter().map(|Finding { seed, breaks, .. }| {
        let repeat = args.repeat(*seed)?;
        Ok(json!({"seed": seed, "step": breaks.step, "law": breaks.law, "what": breaks.what, "repeat": repeat}))
    });
    Ok(json!({
        "world": args.world()?.name(),
        "profile": profile,
        "start": campaign.start,
        "seeds": found.seeds,
        "drawn": found.drawn,
        "jobs": campaign.jobs,
        "events": found.steps,
        "simulated_us": found.simulated,
        "wall_us": u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
        "marks": marks.collect::<Vec<_>>(),
        "grids": cells,
        "not_covered": found.coverage.missing(),
        "nothing_new": found.nothing_new,
        "interrupted": found.is_interrupted,
        "proves": found.proves(),
        "violations": violations.collect::<Result<Vec<_>, String>>()?,
    }))
}
