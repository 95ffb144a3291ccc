//! What was found of all mistakes: which law found which, at what cost.

use super::{Lens, OF_ALL};
use crate::planter::table::Mutant;
use indicatif::HumanCount;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What one way to look for a mistake found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// The law that reported first.
    pub law: String,
    /// What it said.
    pub what: String,
    /// What was looked at until then; the [`Lens`] says in which unit.
    pub cost: u64,
    /// The command that shows it again.
    pub repeat: String,
    /// The items of small runs, one for each seed that was made small.
    pub items: Vec<usize>,
}

/// What was found of a mistake.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The mistake.
    pub mutant: Mutant,
    /// What each way to look found; `None`: nothing within its budget.
    pub kills: Vec<Option<Kill>>,
}

impl Found {
    /// The first, in the order of the ways to look.
    #[must_use]
    pub fn kill(&self) -> Option<&Kill> {
        self.kills.iter().flatten().next()
    }
}

/// All mistakes of a world, and the ways to look for them.
pub(super) struct Board<'a> {
    pub world: &'a str,
    pub lenses: Vec<Lens<'a>>,
    /// The laws that it has.
    pub laws: Vec<&'static str>,
    pub found: Vec<Found>,
}

/// Columns of a mistake's name, and of a law's.
const NAME: usize = 27;

impl Board<'_> {
    pub(super) fn survivors(&self) -> impl Iterator<Item = &Mutant> {
        self.found.iter().filter(|found| found.kill().is_none()).map(|found| &found.mutant)
    }

    /// Those that are found, but by no lens as soon as they should.
    pub(super) fn late(&self) -> impl Iterator<Item = &Mutant> {
        let is_late = |found: &&Found| found.kill().is_some() && !self.soon(found).any(|_| true);
        self.found.iter().filter(is_late).map(|found| &found.mutant)
    }

    /// The kills that came as soon as they should.
    fn soon<'b>(&'b self, found: &'b Found) -> impl Iterator<Item = &'b Kill> {
        let soon = move |(number, lens): (usize, &Lens<'_>)| {
            let rare = if number == 0 { found.mutant.soon } else { None };
            rare.unwrap_or(lens.soon)
        };
        let kills = self.lenses.iter().enumerate().zip(&found.kills);
        kills.filter_map(move |(lens, kill)| kill.as_ref().filter(|kill| kill.cost <= soon(lens)))
    }

    /// Each law, with the mistakes that it was the first to report, through whatever lens; last what is no law of its own.
    fn reports(&self) -> Vec<(&str, Vec<&str>)> {
        let of = |law: &str| {
            let reported = |found: &&Found| found.kills.iter().flatten().any(|kill| kill.law == law);
            self.found.iter().filter(reported).map(|found| found.mutant.name.as_str()).collect::<Vec<_>>()
        };
        let kills = self.found.iter().flat_map(|found| found.kills.iter().flatten());
        let mut others: Vec<&str> =
            kills.map(|kill| kill.law.as_str()).filter(|law| !self.laws.contains(law)).collect();
        others.sort_unstable();
        others.dedup();
        let all = self.laws.iter().copied().chain(others).map(|law| (law, of(law)));
        all.filter(|(law, mistakes)| !OF_ALL.contains(law) || !mistakes.is_empty()).collect()
    }

    /// The laws that were the first to report no mistake, or none soon. Those of every world need none: they are put to the
    /// test by its own.
    pub(super) fn idle(&self, only_soon: bool) -> Vec<&'static str> {
        let reports = |law: &str| {
            self.found.iter().any(|found| {
                let all = found.kills.iter().flatten().any(|kill| kill.law == law);
                if only_soon { self.soon(found).any(|kill| kill.law == law) } else { all }
            })
        };
        self.laws.iter().copied().filter(|law| !OF_ALL.contains(law) && !reports(law)).collect()
    }

    pub(super) fn head(&self, with_items: bool) -> String {
        let law = self.law_width();
        let mut text = format!("== Mistakes of {}\n{:<NAME$} {:<law$}", self.world, "mistake", "law");
        for lens in &self.lenses {
            text.push_str(&format!(" {:>9}", lens.name));
        }
        let items = if with_items { format!(" {:>15}", "items") } else { String::new() };
        text.push_str(&format!("{items}  what is wrong\n"));
        text
    }

    fn law_width(&self) -> usize {
        self.laws.iter().map(|law| law.chars().count()).max().unwrap_or_default().max(5)
    }

    pub(super) fn row(&self, found: &Found, with_items: bool) -> String {
        let law = self.law_width();
        let Mutant { name, what, .. } = &found.mutant;
        let mut text = format!("{name:<NAME$} {:<law$}", found.kill().map_or("-", |kill| kill.law.as_str()));
        for kill in &found.kills {
            let cost = kill.as_ref().map_or("-".into(), |kill| HumanCount(kill.cost).to_string());
            text.push_str(&format!(" {cost:>9}"));
        }
        if with_items {
            let items = found.kills.first().and_then(Option::as_ref).map_or("-".to_owned(), |kill| {
                let number = |number: Option<&usize>| number.map_or("?".to_owned(), usize::to_string);
                let (least, most) = (number(kill.items.iter().min()), number(kill.items.iter().max()));
                format!("{least} to {most} of {}", kill.items.len())
            });
            text.push_str(&format!(" {items:>15}"));
        }
        text.push_str(&format!("  {what}\n"));
        text
    }

    /// What each lens found, and each law.
    pub(super) fn tail(&self) -> String {
        let mut text = String::from(
            "\nOf each way to look: what it cost until a law was broken, so many seeds or runs, from 1; - if none was. `mutants NAME`\nsays the command that repeats it.\n",
        );
        for (at, lens) in self.lenses.iter().enumerate() {
            let killed = self.found.iter().filter(|found| found.kills.get(at).is_some_and(Option::is_some)).count();
            text.push_str(&format!("{:<9} finds {killed} of {} ({})\n", lens.name, self.found.len(), lens.unit));
        }
        let law_width = self.law_width();
        text.push_str(&format!("\n{:<law_width$} {:>4}  mistakes that it was the first to report\n", "law", ""));
        for (law, mistakes) in self.reports() {
            text.push_str(&format!("{law:<law_width$} {:>4}  {}\n", mistakes.len(), mistakes.join(" ")));
        }
        text.push('\n');
        text
    }

    pub(super) fn json_row(&self, found: &Found) -> Value {
        let Mutant { name, what, world, .. } = &found.mutant;
        let kills = self.lenses.iter().zip(&found.kills).filter_map(|(lens, kill)| {
            let Kill { law, what, cost, repeat, items } = kill.as_ref()?;
            let (lens, unit) = (lens.name, lens.unit);
            Some(json!({
                "lens": lens, "law": law, "what": what, "cost": cost, "unit": unit, "repeat": repeat, "items": items,
            }))
        });
        let kills: Vec<Value> = kills.collect();
        json!({"mistake": name, "world": world, "what": what, "kills": kills})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(law: &str, cost: u64) -> Option<Kill> {
        let (law, what, repeat) = (law.to_owned(), "so it was".to_owned(), "run".to_owned());
        Some(Kill { law, what, cost, repeat, items: vec![1, 3] })
    }

    fn found(name: &str, soon: Option<u64>, kills: [Option<Kill>; 2]) -> Found {
        Found {
            mutant: Mutant { name: name.into(), what: "wrong".into(), soon, ..Mutant::default() },
            kills: kills.into(),
        }
    }

    fn board() -> Board<'static> {
        let lens = |name, soon| Lens { name, world: "lock", unit: "seeds", budget: 100, soon, look: |_| None };
        Board {
            world: "lock",
            lenses: vec![lens("swarm", 60), lens("explore", 0)],
            laws: vec!["exclusion", "order", "ends", OF_ALL[0]],
            found: vec![
                found("Early", None, [kill("exclusion", 60), None]),
                found("Late", None, [kill("order", 61), None]),
                // One that is rare may take longer.
                found("Rare", Some(800), [kill("exclusion", 800), None]),
                // What a slow way finds, however soon, some quick one must find too.
                found("Slow", None, [None, kill("order", 1)]),
                found("Survivor", None, [None, None]),
                found("Model", None, [kill("model", 2), None]),
            ],
        }
    }

    fn names<'a>(mutants: impl Iterator<Item = &'a Mutant>) -> Vec<&'a str> {
        mutants.map(|mutant| mutant.name.as_str()).collect()
    }

    #[test]
    fn what_survives_what_is_late_and_which_laws_find_nothing() {
        let board = board();
        assert_eq!(names(board.survivors()), ["Survivor"]);
        assert_eq!(names(board.late()), ["Late", "Slow"]);
        assert_eq!(board.idle(false), ["ends"]);
        assert_eq!(board.idle(true), ["order", "ends"], "soon");
    }

    #[test]
    fn a_board_is_told_row_by_row() {
        let board = board();
        let head = board.head(true);
        assert!(head.starts_with("== Mistakes of lock\n") && head.contains(" explore "), "{head}");
        // Columns are as wide as their names.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&board.row(&board.found[0], true)), "Early exclusion 60 - 1 to 3 of 2 wrong");
        let tail: Vec<String> = board.tail().lines().map(words).collect();
        for line in ["swarm finds 4 of 6 (seeds)", "exclusion 2 Early Rare", "ends 0", "model 1 Model"] {
            assert!(tail.iter().any(|told| told == line), "{line}: {tail:?}");
        }
        assert!(!tail.iter().any(|line| line.starts_with(OF_ALL[0])), "its own tests put it to the test");
        assert_eq!(board.json_row(&board.found[3])["kills"][0]["lens"], "explore");
    }
}
