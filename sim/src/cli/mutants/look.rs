//! In a process of the planted copy: every way to look for the mistake that is on.

use super::{DEVIATIONS, Found, Kill, Lens, Mutants, SMALL, WITHIN};
use crate::{
    campaign::{Campaign, Finding, Listener, Summary},
    cli::{
        args::{Args, LookArgs},
        output::{print, say},
    },
    finding::AnyWorld,
    plan::Document,
    planter,
};
use std::process::{self, ExitCode};

/// Seeds that are run at once.
const ROUND: u64 = 64;

pub(in crate::cli) fn look(args: &Args<'_>, asked: &LookArgs) -> Result<ExitCode, String> {
    let bug = args.planted.as_ref().ok_or("this is no planted copy")?;
    let mutants = super::of(args.tool)?;
    let worlds = args.tool.worlds;
    let of_world = worlds.iter().find(|world| world.name() == bug.world).copied();
    let budget = |usual: u64| asked.seeds.map_or(usual, |seeds| seeds.min(usual));
    let mut found = Found::default();
    if let Some(world) = of_world {
        let look = Look { args, world, is_small: asked.small };
        let seeds = budget(mutants.seeds.max(bug.soon.unwrap_or_default()));
        found.kills.push(look.campaign(seeds)?);
        found.kills.push(look.steered(budget(mutants.steered))?);
        found.kills.push(look.explored(&mutants, budget)?);
    }
    for lens in mutants.lenses.iter().filter(|lens| lens.world == bug.world) {
        found.kills.push((lens.look)(budget(lens.budget)));
    }
    let found = serde_json::to_string(&found.kills).map_err(|error| error.to_string())?;
    Ok(print(&format!("{found}\n"), false))
}

/// A mistake can keep a run from ending.
struct Impatient;

impl Listener for Impatient {
    fn slow(&self, seed: u64, step: u64) {
        say(&format!("seed {seed} takes too long, and may have no end: it is in step {step}"));
        process::exit(2);
    }
}

struct Look<'a> {
    args: &'a Args<'a>,
    world: &'a dyn AnyWorld,
    is_small: bool,
}

impl Look<'_> {
    fn usual(&self) -> Result<&'static str, String> {
        self.world.profiles().first().copied().ok_or_else(|| "the world has no profile".to_owned())
    }

    /// Seed after seed, from 0 on.
    fn campaign(&self, most: u64) -> Result<Option<Kill>, String> {
        let profile = self.usual()?;
        let mut findings: Vec<Finding> = Vec::new();
        let mut start = 0;
        while start < most && findings.len() < if self.is_small { SMALL } else { 1 } {
            let seeds = ROUND.min(most - start);
            let campaign = Campaign { start, seeds, jobs: 1, fail_fast: !self.is_small, ..Campaign::default() };
            let Summary { findings: more, .. } = self.world.campaign(profile, &campaign, &Impatient)?;
            findings.extend(more);
            start += seeds;
        }
        let Some(Finding { seed, breaks, .. }) = findings.first() else { return Ok(None) };
        let small = |finding: &Finding| self.world.minimise(&self.world.draw(profile, finding.seed), WITHIN).ok();
        let small = findings.iter().take(if self.is_small { SMALL } else { 0 }).filter_map(small);
        Ok(Some(Kill {
            law: breaks.law.to_owned(),
            what: breaks.what.clone(),
            cost: seed + 1,
            repeat: self.args.with_seed("replay", *seed, profile)?,
            items: small.map(|small| small.document.items()).collect(),
        }))
    }

    /// The same, but runs that reached something rare are varied.
    fn steered(&self, most: u64) -> Result<Option<Kill>, String> {
        if most == 0 {
            return Ok(None);
        }
        let campaign = Campaign { seeds: most, jobs: 1, steer: true, fail_fast: true, ..Campaign::default() };
        let Summary { findings, .. } = self.world.campaign(self.usual()?, &campaign, &Impatient)?;
        let Some(Finding { seed, breaks, .. }) = findings.into_iter().next() else { return Ok(None) };
        let repeat = self.args.command(&format!("run --steer --seeds {}", seed + 1))?;
        let items = Vec::new();
        Ok(Some(Kill { law: breaks.law.to_owned(), what: breaks.what, cost: seed + 1, repeat, items }))
    }

    /// Every run of the small plan that differs from plain in a few decisions.
    fn explored(&self, mutants: &Mutants<'_>, budget: impl Fn(u64) -> u64) -> Result<Option<Kill>, String> {
        let plan = crate::plan::read(self.world.schema(), self.world.plan());
        let (_, plan): (_, Document) = plan.map_err(|error| format!("the small plan: {error}"))?;
        let most = budget(mutants.explored);
        let (searched, first) = self.world.deviations(&plan, DEVIATIONS, if plan.items() == 0 { 0 } else { most });
        let repeat = self.args.command("explore")?;
        Ok(first.map(|(document, breaks)| {
            let items = vec![document.script.0.values().map(std::collections::BTreeMap::len).sum()];
            Kill { law: breaks.law.to_owned(), what: breaks.what, cost: searched.runs, repeat, items }
        }))
    }
}

/// What the ways to look are called that every world has, and what they count; and within how much they must find each
/// mistake, unless another one does.
pub(super) fn usual<'a>(mutants: &Mutants<'a>, world: &dyn AnyWorld) -> [Lens<'a>; 3] {
    let name = world.profiles().first().copied().unwrap_or_default();
    let lens = |name, unit, soon| Lens { name, world: "", unit, budget: 0, soon, look: |_| None };
    [lens(name, "seeds", mutants.soon), lens("steered", "seeds", 0), lens("explore", "runs", mutants.soon_explored)]
}

/// Whether there is a mistake of the tables on in this process: which one.
pub(in crate::cli) fn planted(tool: &crate::cli::Tool<'_>) -> Result<Option<planter::table::Mutant>, String> {
    match (planter::planted_name(), &tool.mutants) {
        // One that a program made is in no table.
        (Some(name), Some(_)) => Ok(super::of_name(tool, &name).ok()),
        (Some(_), None) | (None, _) => Ok(None),
    }
}
