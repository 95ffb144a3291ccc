//! What is done with the decisions of a run besides drawing them: played, recorded, listed, noted.

use super::{Note, Place, Script};
#[cfg(debug_assertions)]
use std::rc::Rc;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

/// What is done besides drawing.
#[derive(Clone, Debug, Default)]
pub(super) struct Mode {
    /// What is decided already.
    pub(super) script: Script,
    /// Whether the rest is plain; else it is drawn.
    pub(super) rest_is_plain: bool,
    /// What was decided, if that is kept, but for what is plain.
    pub(super) recorded: Option<RefCell<Script>>,
    /// What was asked for of the script.
    pub(super) played: RefCell<BTreeSet<(Place, &'static str)>>,
    pub(super) notes: RefCell<Vec<Note>>,
    /// All that was asked, if that is kept.
    pub(super) asked: Option<RefCell<Vec<(Place, &'static str)>>>,
    /// Whether faults have ceased.
    pub(super) has_healed: Cell<bool>,
}

/// What was asked already: nothing may be asked twice at one place.
#[cfg(debug_assertions)]
pub(super) type Asked = Rc<RefCell<rustc_hash::FxHashSet<u64>>>;
