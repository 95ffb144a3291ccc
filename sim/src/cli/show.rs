//! One run, shown: `replay`, `shrink`, `scenario`, `explore`; and `laws`.

use super::{
    args::{Args, ExploreArgs, LawsArgs, ReplayArgs, ScenarioArgs, ShrinkArgs, Slow},
    mutants,
    output::{can_be_written, code, counted, print, say},
    watched::{INTERRUPTED, Noted, Runs, watched},
};
use crate::{
    finding::{self, AnyWorld, Finding, Origin, Shown, folded, told, typed},
    nearest,
    plan::{Document, NotMinimised, Searched, conflict_at, head_error, read, text_at},
    watch::is_to_stop,
};
use indicatif::HumanCount;
use serde_json::json;
use std::{fs, path::Path, process::ExitCode, time::Duration};

/// One run, which this command repeats.
fn one(repeat: String, slow: &Slow) -> Runs<'static> {
    Runs { seeds: None, noted: Noted::Step { repeat }, slow: Duration::from_secs(slow.slow) }
}

/// Runs of documents of this world, one after the other.
fn many(args: &Args<'_>, world: &dyn AnyWorld, slow: &Slow) -> Runs<'static> {
    Runs { seeds: None, noted: args.documents(world), slow: Duration::from_secs(slow.slow) }
}

pub(super) fn replay(args: &Args<'_>, asked: &ReplayArgs) -> Result<ExitCode, String> {
    let (world, profile) = (args.world()?, args.profile(asked.profile.as_deref())?);
    let repeat = args.with_seed("replay", asked.seed, profile)?;
    watched(&one(repeat, &asked.slow), || replayed(world, profile, asked))
}

fn replayed(world: &dyn AnyWorld, profile: &'static str, asked: &ReplayArgs) -> Result<ExitCode, String> {
    let shown = world.run(&world.draw(profile, asked.seed), asked.at);
    let is_broken = shown.breaks.is_some();
    if asked.json {
        return Ok(print(&to_json(&shown), is_broken));
    }
    let about = if shown.about.is_empty() { String::new() } else { format!(": {}", shown.about) };
    let mut text = format!("seed {}, {profile}{about}\n", asked.seed);
    if asked.all {
        text.extend(shown.lines.iter().map(|line| format!("{line}\n")));
    } else {
        text.extend(folded(&shown.lines).into_iter().map(|line| format!("{line}\n")));
    }
    text.push_str(&state(&shown, asked.at));
    text.push_str(&shown.verdict());
    text.push_str(&format!("digest {:016x}\n", shown.digest));
    let exit = print(&text, is_broken);
    if exit != code(is_broken) {
        say(shown.verdict().trim_end());
    }
    Ok(exit)
}

/// Whether this run says nothing: its document does not, though there is much that it could say, or it has no step.
fn is_nothing(world: &dyn AnyWorld, document: &Document, shown: &Shown) -> bool {
    let is_empty = document.items() == 0 && document.seed.is_none() && !world.schema().lists.is_empty();
    let has_no_step = || shown.steps == 0 && world.run(document, Some(1)).steps == 0;
    shown.breaks.is_none() && (is_empty || has_no_step())
}

/// The state after this step, if it is asked for.
fn state(shown: &Shown, at: Option<u64>) -> String {
    let Some(at) = at else { return String::new() };
    let early = format!("the run ends at step {}, before step {at}\n", shown.steps);
    let early = Some(early).filter(|_| shown.steps < at);
    let state = shown.state.iter().map(|line| format!("after step {}: {line}\n", shown.steps));
    early.into_iter().chain(state).collect()
}

fn to_json(shown: &Shown) -> String {
    let lines = shown.lines.iter();
    let mut text: String = lines
        .map(|line| format!("{}\n", json!({"step": line.step, "at_us": line.at, "who": line.who, "what": line.what})))
        .collect();
    let breaks = shown.breaks.as_ref();
    let end = json!({
        "steps": shown.steps,
        "simulated_us": shown.simulated,
        "digest": format!("{:016x}", shown.digest),
        "notes": shown.notes,
        "state": shown.state,
        "about": shown.about,
        "ends": shown.ends,
        "violation": breaks.map(|breaks| json!({"step": breaks.step, "law": breaks.law, "what": breaks.what})),
    });
    text.push_str(&format!("{end}\n"));
    text
}

pub(super) fn shrink(args: &Args<'_>, asked: &ShrinkArgs) -> Result<ExitCode, String> {
    let (world, profile) = (args.world()?, args.profile(asked.profile.as_deref())?);
    can_be_written(asked.output.as_deref())?;
    watched(&many(args, world, &asked.slow), || shrunk(args, world, profile, asked))
}

fn shrunk(
    args: &Args<'_>,
    world: &dyn AnyWorld,
    profile: &'static str,
    asked: &ShrinkArgs,
) -> Result<ExitCode, String> {
    let origin = args.origin(asked.seed, profile, Some(args.with_seed("shrink", asked.seed, profile)?))?;
    let drawn = world.draw(profile, asked.seed);
    match finding::small(world, &drawn, origin, Duration::from_secs(asked.within.into())) {
        Ok(small) => {
            let repeat = format!("repeat the whole seed with: {}", args.with_seed("replay", asked.seed, profile)?);
            Ok(tell(args, "", &small, asked.output.as_deref(), Some(&repeat)))
        }
        Err(why) => Ok(nothing(&format!("seed {}: {why}\n", asked.seed), asked.output.as_deref(), why)),
    }
}

/// Prints the finding, and writes it to the file that is asked for. If one of the two cannot be done, it is told all the
/// same.
pub(super) fn tell(
    args: &Args<'_>,
    before: &str,
    finding: &Finding,
    output: Option<&Path>,
    repeat: Option<&str>,
) -> ExitCode {
    let command = format!("{} scenario", args.tool.command);
    let tell = |file| finding.tell(file, Some(&command), repeat);
    let (text, failed) = match tell(output) {
        Ok(text) => (text, None),
        // Among the other findings nothing is an error.
        Err(error) => (tell(None).unwrap_or_default(), Some(error)),
    };
    let exit = print(&format!("{before}{text}"), true);
    if exit != code(true) {
        say(&finding.headline);
        say(repeat.unwrap_or_default());
    }
    match (failed, output) {
        (Some(error), Some(path)) => {
            say(&format!("error: --output {}: {error}", path.display()));
            ExitCode::from(2)
        }
        (Some(_) | None, _) => exit,
    }
}

/// There is no finding to write.
fn nothing(text: &str, output: Option<&Path>, why: NotMinimised) -> ExitCode {
    let exit = print(text, why != NotMinimised::BreaksNoLaw);
    if let Some(path) = output {
        say(&format!("note: --output: there is nothing to write to {}", path.display()));
    }
    exit
}

/// What a file says.
struct Scenario {
    about: String,
    document: Document,
}

/// The scenario of a file, for this world.
fn scenario_of(args: &Args<'_>, world: &dyn AnyWorld, text: &str) -> Result<Scenario, String> {
    let (mut head, document) = read(world.schema(), text).map_err(|error| error.to_string())?;
    if let Some(conflict) = world.conflict(&document) {
        return Err(conflict_at(world.schema(), text, &conflict).to_string());
    }
    if let Some(law) = head.get("law") {
        let laws = world.laws();
        if !laws.iter().any(|(known, _)| known == law) {
            let nearest = nearest(law, laws.iter().map(|(known, _)| *known));
            return Err(head_error(text, "law", &format!("there is no law {law:?}{nearest}")).to_string());
        }
    }
    if let Some(bug) = head.get("bug") {
        mutants::of_name(args.tool, bug).map_err(|what| head_error(text, "bug", &what).to_string())?;
    }
    Ok(Scenario { about: head.remove("about").unwrap_or_default(), document })
}

/// The text of a file.
///
/// # Errors
/// It is not UTF-8: the line.
pub fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line}: this is not UTF-8")
    })
}

fn text_in(path: &Path) -> Result<String, String> {
    let text = fs::read(path).map_err(|error| error.to_string()).and_then(text_of);
    text.map_err(|what| format!("{}: {what}", path.display()))
}

/// Runs a file, with the mistake that is asked for, or that it names.
pub(super) fn scenario(args: &Args<'_>, asked: &ScenarioArgs) -> Result<ExitCode, String> {
    let name = asked.file.display().to_string();
    let text = text_in(&asked.file)?;
    let in_file = |what: String| format!("{name}: {what}");
    if let Some(bug) = args.cli.bug.as_ref().filter(|_| asked.without_bug) {
        return Err(format!("--bug {bug} and --without-bug exclude each other"));
    }
    let of_file = text_at(&text, "bug").filter(|_| !asked.without_bug);
    let bug = match (&args.planted, args.cli.bug.as_ref(), of_file) {
        (Some(planted), _, _) => Some(planted.clone()),
        (None, Some(bug), _) => Some(mutants::of_name(args.tool, bug)?),
        (None, None, Some(bug)) => {
            let found = mutants::of_name(args.tool, &bug);
            Some(found.map_err(|what| in_file(head_error(&text, "bug", &what).to_string()))?)
        }
        (None, None, None) => None,
    };
    let world = match (text_at(&text, "world"), args.cli.world.as_deref()) {
        (Some(of_file), Some(said)) if of_file != said => {
            let what = format!("it is of `{of_file}`, and --world says `{said}`");
            return Err(in_file(head_error(&text, "world", &what).to_string()));
        }
        (Some(of_file), _) => {
            let known = args.world_of(&of_file, "world").map_err(|what| {
                let what = what.trim_start_matches("world: ");
                in_file(head_error(&text, "world", what).to_string())
            })?;
            args.world_with(bug.as_ref(), Some(known.name()), "world")
        }
        // Without a word it is of the first.
        (None, said) => {
            args.world_with(bug.as_ref(), said.or(args.tool.worlds.first().map(|world| world.name())), "--world")
        }
    };
    let world = world.map_err(in_file)?;
    let Scenario { about, document } = scenario_of(args, world, &text).map_err(in_file)?;
    if let Some(bug) = bug.filter(|_| args.planted.is_none()) {
        return mutants::elsewhere(args.tool, &bug.name);
    }
    let repeat = args.command(&format!("scenario {}", typed(&asked.file)))?;
    watched(&one(repeat, &asked.slow), || scenario_run(world, &document, &about, asked))
}

fn scenario_run(
    world: &dyn AnyWorld,
    document: &Document,
    about: &str,
    asked: &ScenarioArgs,
) -> Result<ExitCode, String> {
    let shown = world.run(document, asked.at);
    if is_nothing(world, document, &shown) {
        return Err(format!("{}: nothing happens in it: it has no items", asked.file.display()));
    }
    let is_broken = shown.breaks.is_some();
    if asked.json {
        return Ok(print(&to_json(&shown), is_broken));
    }
    let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let about: String = about.chars().map(escaped).collect();
    let about = if about.is_empty() { String::new() } else { format!("{about}\n") };
    let trace: String = shown.trace().iter().map(|line| format!("{line}\n")).collect();
    let state = state(&shown, asked.at);
    let exit = print(&format!("{about}{trace}{state}{}", shown.verdict()), is_broken);
    for note in &shown.notes {
        say(&format!("note: {note}"));
    }
    Ok(exit)
}

pub(super) fn explore(args: &Args<'_>, asked: &ExploreArgs) -> Result<ExitCode, String> {
    let (name, text) = match &asked.plan {
        Some(path) => (path.display().to_string(), text_in(path)?),
        None => ("the small plan".to_owned(), args.world()?.plan().to_owned()),
    };
    let in_file = |what: &str| format!("{name}: {}", head_error(&text, "world", what));
    let world = match text_at(&text, "world") {
        Some(said) if args.cli.world.as_ref().is_some_and(|asked| *asked != said) => {
            let asked = args.cli.world.as_deref().unwrap_or_default();
            return Err(in_file(&format!("it is of `{said}`, and --world says `{asked}`")));
        }
        Some(said) => {
            let known = args.world_of(&said, "world").map_err(|what| in_file(what.trim_start_matches("world: ")))?;
            args.world_with(args.planted.as_ref(), Some(known.name()), "world").map_err(|what| in_file(&what))?
        }
        None => args.world()?,
    };
    let Scenario { document, .. } = scenario_of(args, world, &text).map_err(|what| format!("{name}: {what}"))?;
    if document.seed.is_some() {
        let what = "nothing is drawn in this search, so it has no meaning here";
        return Err(format!("{name}: {}", head_error(&text, "seed", what)));
    }
    can_be_written(asked.output.as_deref())?;
    watched(&many(args, world, &asked.slow), || explored(args, world, &document, &name, asked))
}

fn explored(
    args: &Args<'_>,
    world: &dyn AnyWorld,
    document: &Document,
    name: &str,
    asked: &ExploreArgs,
) -> Result<ExitCode, String> {
    let plain = document.written_out(document.script.clone());
    if is_nothing(world, &plain, &world.run(&plain, Some(1))) {
        return Err(format!("{name}: nothing happens in it: it has no items; --plan FILE says another one"));
    }
    let (searched, broken) = world.deviations(document, asked.deviations.into(), asked.runs);
    let text = said(&searched, name, document, asked.deviations, broken.is_some());
    let Some((found, _)) = broken else {
        if let Some(path) = &asked.output {
            say(&format!("note: --output: there is nothing to write to {}", path.display()));
        }
        return Ok(match print(&text, false) {
            exit if exit == ExitCode::SUCCESS && is_to_stop() => ExitCode::from(INTERRUPTED),
            exit => exit,
        });
    };
    let origin =
        Origin { name: format!("{}-explored", world.name()), ..args.origin_of("the first of these runs", world) };
    let small = told(world, &found, origin, "no run that differs in fewer decisions breaks a law".to_owned());
    Ok(tell(args, &text, &small, asked.output.as_deref(), None))
}

fn said(searched: &Searched, name: &str, document: &Document, most: u8, is_broken: bool) -> String {
    let Searched { runs, distinct, decisions, values, is_complete } = *searched;
    let verdict = match (is_broken, is_complete) {
        (true, _) => "a law is broken",
        (false, true) => {
            "complete: no law is broken in any such run, with the values that the declarations try: both ends of a range, and its `tries`"
        }
        (false, false) if is_to_stop() => "interrupted, and NOT complete; no law is broken so far",
        (false, false) => "NOT complete: there are more runs; no law is broken so far",
    };
    let items = counted(document.items() as u64, "item");
    let (most, decisions) = (counted(most.into(), "decision"), counted(decisions as u64, "decision"));
    let (runs, distinct, values) = (counted(runs, "run"), HumanCount(distinct), counted(values, "value"));
    format!(
        "{name}: {items}, and up to {most} other than plain\n{runs}, {distinct} of them distinct: {decisions}, {values} \
         tried\n{verdict}\n\n"
    )
}

pub(super) fn laws(args: &Args<'_>, asked: &LawsArgs) -> Result<ExitCode, String> {
    let world = args.world()?;
    let laws = world.laws();
    if asked.json {
        let laws: Vec<_> = laws.iter().map(|(name, promises)| json!({"law": name, "promises": promises})).collect();
        return Ok(print(&format!("{}\n", json!({"world": world.name(), "laws": laws})), false));
    }
    let width = laws.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    Ok(print(&laws.iter().map(|(name, promises)| format!("{name:<width$}  {promises}\n")).collect::<String>(), false))
}
