//! What a world counts of its runs: marks at the spot where something happens, and grids such as faults by the states that
//! they hit. What a campaign never came to is what it proves nothing about.

use super::{Fault, Sim, World};
use crate::decide::MISUSE;
use std::ptr;

/// Something that should happen now and then: else the campaign never comes to what depends on it.
///
/// See [`marks!`](crate::marks).
#[derive(Debug)]
pub struct Mark {
    /// What happens, in a few words.
    pub says: &'static str,
}

/// Two things that meet, such as a fault and the state that it hits: each pair is counted.
#[derive(Debug)]
pub struct Grid {
    /// Its name.
    pub name: &'static str,
    /// What its rows are.
    pub rows: &'static [&'static str],
    /// What its columns are.
    pub columns: &'static [&'static str],
    /// Why a pair of row and column cannot be; `None`: it can.
    pub cannot: fn(&str, &str) -> Option<&'static str>,
}

impl Grid {
    /// The platform's faults, and what they hit.
    #[must_use]
    pub const fn of_faults(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self { name, rows: Fault::PLATFORM, columns, cannot: Fault::not_drawn }
    }
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    marks: Vec<(&'static Mark, u64)>,
    /// Row by row.
    grids: Vec<(&'static Grid, Vec<u64>)>,
}

impl Coverage {
    /// Of these marks and grids, nothing so far.
    #[must_use]
    pub fn of(marks: &[&'static Mark], grids: &[&'static Grid]) -> Self {
        let mut coverage = Self::default();
        for mark in marks {
            coverage.mark(mark);
        }
        for grid in grids {
            coverage.grid(grid);
        }
        coverage
    }

    fn mark(&mut self, mark: &'static Mark) -> &mut u64 {
        let at = self.marks.iter().position(|(known, _)| ptr::eq(*known, mark)).unwrap_or_else(|| {
            self.marks.push((mark, 0));
            self.marks.len() - 1
        });
        &mut self.marks[at].1
    }

    fn grid(&mut self, grid: &'static Grid) -> &mut [u64] {
        let at = self.grids.iter().position(|(known, _)| ptr::eq(*known, grid)).unwrap_or_else(|| {
            self.grids.push((grid, vec![0; grid.rows.len() * grid.columns.len()]));
            self.grids.len() - 1
        });
        &mut self.grids[at].1
    }

    /// Marks this: it has happened.
    pub fn sometimes(&mut self, mark: &'static Mark) {
        *self.mark(mark) += 1;
    }

    /// Counts the pair of this row and column of a grid, by their numbers.
    ///
    /// # Panics
    /// If the grid has no such row or column.
    pub fn count(&mut self, grid: &'static Grid, row: usize, column: usize) {
        assert!(row < grid.rows.len() && column < grid.columns.len(), "{MISUSE}the grid \"{}\" is smaller", grid.name);
        self.grid(grid)[row * grid.columns.len() + column] += 1;
    }

    /// How often this mark was come to.
    #[must_use]
    pub fn times(&self, mark: &'static Mark) -> u64 {
        self.marks.iter().find(|(known, _)| ptr::eq(*known, mark)).map_or(0, |(_, times)| *times)
    }

    /// How often this row of a grid was come to, in all its columns.
    #[must_use]
    pub fn of_row(&self, grid: &'static Grid, row: &str) -> u64 {
        let grids = self.grids().filter(|(known, _)| ptr::eq(*known, grid)).flat_map(|(_, rows)| rows);
        grids.filter(|(known, _)| *known == row).flat_map(|(_, counts)| counts).sum()
    }

    /// All counts: of the marks, then of the grids, row by row.
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        self.marks
            .iter()
            .map(|(_, times)| *times)
            .chain(self.grids.iter().flat_map(|(_, counts)| counts.iter().copied()))
    }

    /// Adds what another run counted. Says how much of that was not come to before.
    pub fn add(&mut self, other: &Self) -> usize {
        let mut is_new = 0;
        for (mark, times) in &other.marks {
            let all = self.mark(mark);
            is_new += usize::from(*all == 0 && *times > 0);
            *all += times;
        }
        for (grid, counts) in &other.grids {
            for (all, times) in self.grid(grid).iter_mut().zip(counts) {
                is_new += usize::from(*all == 0 && *times > 0);
                *all += times;
            }
        }
        is_new
    }

    /// Each mark, and how often it was come to.
    pub fn marks(&self) -> impl Iterator<Item = (&'static Mark, u64)> {
        self.marks.iter().copied()
    }

    /// Each grid, and the counts of its rows, a row after the other.
    pub fn grids(&self) -> impl Iterator<Item = (&'static Grid, impl Iterator<Item = (&'static str, &[u64])>)> {
        self.grids
            .iter()
            .map(|(grid, counts)| (*grid, grid.rows.iter().copied().zip(counts.chunks(grid.columns.len()))))
    }

    /// Each grid that has a single column, which is a list: its name, and the counts of its rows that are not 0, in words:
    /// `2 evictions, 1 crash`.
    pub fn lists(&self) -> impl Iterator<Item = (&'static str, String)> {
        let lists = self.grids().filter(|(grid, _)| grid.columns.len() == 1);
        lists.map(|(grid, rows)| {
            let counts = rows.filter_map(|(row, counts)| counts.first().map(|times| (row, *times)));
            let said: Vec<String> =
                counts.filter(|(_, times)| *times > 0).map(|(row, times)| format!("{times} {row}")).collect();
            let said = if said.is_empty() { "none".to_owned() } else { said.join(", ") };
            (grid.name, said)
        })
    }

    /// What can be and was not come to, in words.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let marks = self.marks.iter().filter(|(_, times)| *times == 0).map(|(mark, _)| mark.says.to_owned());
        let mut missing: Vec<String> = marks.collect();
        for (grid, rows) in self.grids() {
            for (row, counts) in rows {
                let cells = grid.columns.iter().zip(counts);
                let never = cells.filter(|(column, times)| **times == 0 && (grid.cannot)(row, column).is_none());
                missing.extend(never.map(|(column, _)| format!("{row} ({column})")));
            }
        }
        missing
    }
}

impl<W: World> Sim<W> {
    /// Marks this, if it happens.
    pub fn sometimes(&mut self, mark: &'static Mark, happens: bool) {
        *self.coverage.mark(mark) += u64::from(happens);
    }

    /// Adds what the world has counted by itself.
    pub fn add_coverage(&mut self, counted: &Coverage) {
        self.coverage.add(counted);
    }

    /// Counts this pair of a grid.
    ///
    /// # Panics
    /// If the grid has no such row or column.
    pub fn count(&mut self, grid: &'static Grid, row: &str, column: &str) {
        let find = |what, all: &[&str], name| {
            let at = all.iter().position(|known| *known == name);
            at.unwrap_or_else(|| panic!("{MISUSE}\"{name}\" is no {what} of the grid \"{}\"", grid.name))
        };
        let at = find("row", grid.rows, row) * grid.columns.len() + find("column", grid.columns, column);
        self.coverage.grid(grid)[at] += 1;
    }

    /// The same by the numbers of its row and its column.
    ///
    /// # Panics
    /// If the grid has no such row or column.
    pub fn count_at(&mut self, grid: &'static Grid, row: usize, column: usize) {
        self.coverage.count(grid, row, column);
    }

    /// What the run has counted so far.
    #[must_use]
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// Declares marks: what should happen now and then, each with its sentence; and the list of them.
///
/// ```
/// durable_sim::marks! {
///     /// What the lock should come to.
///     pub MARKS = [WAITED = "a client waits, and is granted the lock in the end"];
/// }
/// assert_eq!(MARKS.map(|mark| mark.says), [WAITED.says]);
/// ```
#[macro_export]
macro_rules! marks {
    ($(#[doc = $about:literal])* $vis:vis $list:ident = [$($mark:ident = $says:literal),+ $(,)?];) => {
        $(
            #[doc = $says]
            $vis static $mark: $crate::engine::Mark = $crate::engine::Mark { says: $says };
        )+
        $(#[doc = $about])*
        $vis static $list: [&$crate::engine::Mark; [$($says),+].len()] = [$(&$mark),+];
    };
    ($($other:tt)*) => {
        compile_error! { "marks are: `pub MARKS = [ONE = \"what happens\", OTHER = \"what else\"];`" }
    };
}
