//! One run, shown: `replay`, `shrink`, `scenario`, `explore`; and `laws`.

use super::{
    args::{Args, ExploreArgs, LawsArgs, ReplayArgs, ScenarioArgs, ShrinkArgs},
    output::{print, say},
};
use crate::{
    finding::{AnyWorld, Shown, folded, small, told},
    plan::{Document, Searched, conflict_at, read},
};
use indicatif::HumanCount;
use serde_json::json;
use std::{fs, path::Path, process::ExitCode, time::Duration};

pub(super) fn replay(args: &Args<'_>, asked: &ReplayArgs) -> Result<ExitCode, String> {
    let world = args.world()?;
    let profile = args.profile(asked.profile.as_deref())?;
    let shown = world.run(&world.draw(profile, asked.seed), asked.at);
    let is_broken = shown.breaks.is_some();
    if asked.json {
        return Ok(print(&to_json(&shown), is_broken));
    }
    let mut text = format!("seed {}, {profile}\n", asked.seed);
    if asked.all {
        text.extend(shown.lines.iter().map(|line| format!("{line}\n")));
    } else {
        text.extend(folded(&shown.lines).into_iter().map(|line| format!("{line}\n")));
    }
    if let Some(at) = asked.at {
        if shown.steps < at {
            text.push_str(&format!("the run ends at step {}\n", shown.steps));
        }
        text.extend(shown.state.iter().map(|line| format!("after step {}: {line}\n", shown.steps)));
    }
    text.push_str(&shown.verdict());
    Ok(print(&text, is_broken))
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
        "violation": breaks.map(|breaks| json!({"step": breaks.step, "law": breaks.law, "what": breaks.what})),
    });
    text.push_str(&format!("{end}\n"));
    text
}

pub(super) fn shrink(args: &Args<'_>, asked: &ShrinkArgs) -> Result<ExitCode, String> {
    let profile = args.profile(asked.profile.as_deref())?;
    let small = small(args.world()?, profile, asked.seed, Duration::from_secs(asked.within.into()));
    keep(args, &small.text, &small.file, asked.output.as_deref())
}

/// Prints it, and writes the file if one is asked for and there is something to write.
fn keep(args: &Args<'_>, text: &str, file: &str, output: Option<&Path>) -> Result<ExitCode, String> {
    let is_broken = !file.is_empty();
    let exit = print(text, is_broken);
    let Some(path) = output else { return Ok(exit) };
    if !is_broken {
        say(&format!("note: --output: there is nothing to write to {}", path.display()));
        return Ok(exit);
    }
    fs::write(path, file).map_err(|error| format!("--output {}: {error}", path.display()))?;
    say(&format!("run it with: {}", args.command(&format!("scenario {}", path.display()))));
    Ok(exit)
}

/// The document of a file.
fn document(world: &dyn AnyWorld, name: &str, text: &str) -> Result<(String, Document), String> {
    let (head, document) = read(world.schema(), text).map_err(|error| format!("{name}: {error}"))?;
    if let Some(conflict) = world.conflict(&document) {
        return Err(format!("{name}: {}", conflict_at(world.schema(), text, &conflict)));
    }
    Ok((head.get("about").cloned().unwrap_or_default(), document))
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

pub(super) fn scenario(args: &Args<'_>, asked: &ScenarioArgs) -> Result<ExitCode, String> {
    let world = args.world()?;
    let (about, document) = document(world, &asked.file.display().to_string(), &text_of(&asked.file)?)?;
    let shown = world.run(&document, None);
    let is_broken = shown.breaks.is_some();
    if asked.json {
        return Ok(print(&to_json(&shown), is_broken));
    }
    let about = if about.is_empty() { String::new() } else { format!("{about}\n") };
    let exit = print(&format!("{about}{}{}", shown.trace(), shown.verdict()), is_broken);
    for note in &shown.notes {
        say(&format!("note: {note}"));
    }
    Ok(exit)
}

pub(super) fn explore(args: &Args<'_>, asked: &ExploreArgs) -> Result<ExitCode, String> {
    let world = args.world()?;
    let (name, text) = match &asked.plan {
        Some(path) => (path.display().to_string(), text_of(path)?),
        None => ("the small plan".to_owned(), world.plan().to_owned()),
    };
    let (_, document) = document(world, &name, &text)?;
    if document.seed.is_some() {
        return Err(format!("{name}: seed: nothing is drawn in this search, so it has no meaning here"));
    }
    if document.items() == 0 {
        return Err(format!("{name} has no items, so nothing would happen: --plan FILE says another one"));
    }
    let (searched, broken) = world.deviations(&document, asked.deviations.into(), asked.runs);
    let mut text = said(&searched, &name, &document, asked.deviations, broken.is_some());
    let Some((found, _)) = broken else { return Ok(print(&text, false)) };
    let small = told(world, &found, "It is the first: no run that differs in fewer decisions breaks a law.");
    text.push_str(&small.text);
    keep(args, &text, &small.file, asked.output.as_deref())
}

fn said(searched: &Searched, name: &str, document: &Document, most: u8, is_broken: bool) -> String {
    let Searched { runs, distinct, decisions, values, is_complete } = *searched;
    let verdict = match (is_broken, is_complete) {
        (true, _) => "a law is broken",
        (false, true) => "complete: every such run was made, and no law is broken",
        (false, false) => "NOT complete: there are more runs; no law is broken so far",
    };
    let (items, decisions) = (document.items(), HumanCount(decisions as u64));
    let (runs, distinct, values) = (HumanCount(runs), HumanCount(distinct), HumanCount(values));
    format!(
        "{name}: {items} items, and up to {most} decisions that differ from plain\n{runs} runs, {distinct} of them \
         distinct: {decisions} decisions, {values} values tried\n{verdict}\n\n"
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
