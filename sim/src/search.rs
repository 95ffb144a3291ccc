//! Breadth-first search of a space of states until it is used up: the first state that breaks something is reached by a
//! shortest path.
//!
//! Of a state that was seen only its digest (128 bits) and the way to it are kept; two states of one digest count as
//! one. Whole states live only in the two levels that are under way. Several threads share a level in slices; they are
//! merged in order, so that nothing in a result depends on how many there were.
//!
//! A space is any object with as much of its world as determines the future, if they can be cloned and hashed
//! ([`digest_of`]). Unlike a run on the engine, which follows a calendar, a search goes on from a state in several ways.

use crate::watch::{Begun, is_to_stop};
use hashbrown::HashTable;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    thread,
};

/// How many states of a level are expanded between two merges.
const BLOCK: usize = 8_192;

/// States, and the actions that lead from one to the next.
pub trait Space: Sync {
    /// All that determines the future.
    type State: Send;
    /// A step, by name.
    type Action: Clone + Send;
    /// Why a state or a step must not be.
    type Broken: Send;

    /// Where everything begins.
    fn start(&self) -> Self::State;

    /// Appends what may happen in this state; the same in the same order each time. At most 65,535 actions.
    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>);

    /// What follows; `None`: the action turns out not to be possible.
    ///
    /// # Errors
    /// The step breaks something.
    fn step(&self, state: &Self::State, action: &Self::Action) -> Result<Option<Self::State>, Self::Broken>;

    /// A digest of all that determines the future: [`digest_of`] the state, or one that takes states for the same that
    /// differ in nothing that matters. `buffer` is scratch memory.
    fn digest(&self, state: &Self::State, buffer: &mut Vec<u8>) -> u128;

    /// Looks at a state, once.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, state: &Self::State) -> Result<(), Self::Broken>;
}

/// A digest of all of a state, of 128 bits.
#[must_use]
pub fn digest_of(state: &impl Hash) -> u128 {
    let half = |which: u8| {
        // SipHash with fixed keys: the same in each process.
        let mut hasher = DefaultHasher::new();
        (which, state).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Steps from the start; `None`: as many as there are.
    pub depth: Option<u32>,
    /// States.
    pub states: usize,
    /// Threads, 1 or more.
    pub threads: usize,
}

impl Default for Bounds {
    /// Everything, on one thread.
    fn default() -> Self {
        Self { depth: None, states: u32::MAX as usize, threads: 1 }
    }
}

/// Why a search is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every state was seen.
    Complete,
    /// There are states beyond the bound on the depth.
    Depth,
    /// There are more states than the bound.
    States,
    /// Something is broken.
    Broken,
    /// The process [is to end](is_to_stop).
    Stopped,
}

/// A shortest way to something broken.
#[derive(Clone, Debug)]
pub struct Counterexample<A, B> {
    /// The actions from the start; the last one breaks it.
    pub path: Vec<A>,
    /// What is broken.
    pub broken: B,
}

/// What a search saw.
#[derive(Clone, Debug)]
pub struct Found<A, B> {
    /// Why it is over.
    pub end: End,
    /// States, the first one too.
    pub states: u64,
    /// Steps taken, those to states that were known too.
    pub transitions: u64,
    /// The longest of all shortest paths.
    pub depth: u32,
    /// The most states of one level.
    pub widest: usize,
    /// The first of the shortest ways to something broken.
    pub counterexample: Option<Counterexample<A, B>>,
}

/// Where a state was come to from: its parent, and which of the parent's actions.
#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    action: u16,
}

/// A state that one slice has not seen before.
struct New<S> {
    digest: u128,
    node: Node,
    state: S,
}

/// What one thread found in its slice of a block.
struct Slice<S: Space> {
    new: Vec<New<S::State>>,
    transitions: u64,
    broken: Option<(Node, S::Broken)>,
}

/// Searches a space. `progress` is told, now and then, of the depth, the states and the transitions so far.
///
/// # Panics
/// If a thread panics.
pub fn search<S: Space>(
    space: &S,
    bounds: Bounds,
    mut progress: impl FnMut(u32, u64, u64),
) -> Found<S::Action, S::Broken> {
    let mut found = Found { end: End::Complete, states: 1, transitions: 0, depth: 0, widest: 1, counterexample: None };
    let start = space.start();
    if let Err(broken) = space.check(&start) {
        found.end = End::Broken;
        found.counterexample = Some(Counterexample { path: Vec::new(), broken });
        return found;
    }
    let mut seen = HashTable::new();
    see(&mut seen, space.digest(&start, &mut Vec::new()));
    let mut nodes = vec![Node { parent: 0, action: 0 }];
    let mut level = vec![(0, start)];
    loop {
        if bounds.depth.is_some_and(|most| found.depth >= most) {
            found.end = End::Depth;
            return found;
        }
        let mut next = Vec::new();
        let mut rest = level.into_iter();
        loop {
            let block: Vec<(u32, S::State)> = rest.by_ref().take(BLOCK).collect();
            if block.is_empty() {
                break;
            }
            for slice in expand(space, block, &seen, bounds.threads) {
                found.transitions += slice.transitions;
                for New { digest, node, state } in slice.new {
                    if see(&mut seen, digest) {
                        next.push((nodes.len() as u32, state));
                        nodes.push(node);
                    }
                }
                found.states = nodes.len() as u64;
                if let Some((node, broken)) = slice.broken {
                    found.end = End::Broken;
                    found.depth += 1;
                    found.counterexample = Some(Counterexample { path: path_to(space, &nodes, node), broken });
                    return found;
                }
            }
            progress(found.depth, found.states, found.transitions);
            if is_to_stop() {
                found.end = End::Stopped;
                return found;
            }
            if nodes.len() >= bounds.states {
                found.end = End::States;
                return found;
            }
        }
        if next.is_empty() {
            return found;
        }
        found.depth += 1;
        found.widest = found.widest.max(next.len());
        level = next;
    }
}

/// Notes a digest; says whether it is new. A digest is its own hash.
fn see(seen: &mut HashTable<u128>, digest: u128) -> bool {
    let entry = seen.entry(digest as u64, |known| *known == digest, |known| *known as u64);
    match entry {
        hashbrown::hash_table::Entry::Occupied(_) => false,
        hashbrown::hash_table::Entry::Vacant(place) => {
            place.insert(digest);
            true
        }
    }
}

/// Expands a block in slices of one thread each.
fn expand<S: Space>(
    space: &S,
    mut block: Vec<(u32, S::State)>,
    seen: &HashTable<u128>,
    threads: usize,
) -> Vec<Slice<S>> {
    let threads = threads.max(1);
    let size = block.len().div_ceil(threads);
    if threads == 1 || size < 16 {
        return vec![expand_slice(space, block, seen)];
    }
    let mut slices = Vec::new();
    while block.len() > size {
        let tail = block.split_off(size);
        slices.push(std::mem::replace(&mut block, tail));
    }
    slices.push(block);
    thread::scope(|scope| {
        let running: Vec<_> =
            slices.into_iter().map(|slice| scope.spawn(move || expand_slice(space, slice, seen))).collect();
        running
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(slice) => slice,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Takes every action of every state, in order, up to the first that breaks something.
fn expand_slice<S: Space>(space: &S, states: Vec<(u32, S::State)>, seen: &HashTable<u128>) -> Slice<S> {
    let mut slice = Slice { new: Vec::new(), transitions: 0, broken: None };
    let mut here = HashTable::new();
    let (mut actions, mut buffer) = (Vec::new(), Vec::new());
    for (parent, state) in states {
        let _watched = Begun::new(&String::new);
        actions.clear();
        space.actions(&state, &mut actions);
        for (ordinal, action) in actions.iter().enumerate() {
            let Ok(ordinal) = u16::try_from(ordinal) else { panic!("a state has {} actions", actions.len()) };
            let node = Node { parent, action: ordinal };
            let next = match space.step(&state, action) {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(broken) => {
                    slice.transitions += 1;
                    slice.broken = Some((node, broken));
                    return slice;
                }
            };
            slice.transitions += 1;
            let digest = space.digest(&next, &mut buffer);
            if seen.find(digest as u64, |known| *known == digest).is_some() || !see(&mut here, digest) {
                continue;
            }
            if let Err(broken) = space.check(&next) {
                slice.broken = Some((node, broken));
                return slice;
            }
            slice.new.push(New { digest, node, state: next });
        }
    }
    slice
}

/// The actions that lead to this node's end, taken again from the start.
fn path_to<S: Space>(space: &S, nodes: &[Node], last: Node) -> Vec<S::Action> {
    let mut ordinals = vec![last.action];
    let mut at = last.parent;
    while at != 0 {
        let node = nodes[at as usize];
        ordinals.push(node.action);
        at = node.parent;
    }
    let (mut state, mut path, mut actions) = (space.start(), Vec::new(), Vec::new());
    for (done, ordinal) in ordinals.iter().rev().enumerate() {
        actions.clear();
        space.actions(&state, &mut actions);
        let Some(action) = actions.get(usize::from(*ordinal)) else {
            panic!("step {done} of the path is not possible: the space is not a function of its state");
        };
        path.push(action.clone());
        if done + 1 < ordinals.len() {
            match space.step(&state, action) {
                Ok(Some(next)) => state = next,
                Ok(None) | Err(_) => {
                    panic!("step {done} of the path differs: the space is not a function of its state")
                }
            }
        }
    }
    path
}

#[cfg(test)]
mod tests;
