//! What may happen to a host, generated. Everything is named by small indexes, so that a shrunk case stays readable.

use proptest::prelude::*;
use proxy_fetch::CallbackResult;
pub use proxy_fetch_sim::reference::inputs::{End, Profile, Wait, end, failure, profile};

#[derive(Clone, Copy, Debug)]
pub enum Input {
    Start,
    Tick,
    Enqueue {
        name: u8,
        profile: u8,
        entropy: u128,
    },
    /// With the field of this number out of bounds.
    Invalid {
        name: u8,
        field: u8,
    },
    Cancel {
        name: u8,
    },
    Status {
        name: u8,
    },
    /// A running attempt ends.
    Complete {
        pick: u8,
        end: End,
    },
    /// A report of any attempt there ever was, with its number and epoch shifted.
    Stale {
        pick: u16,
        number: u8,
        epoch: u8,
        end: End,
    },
    Answer {
        pick: u8,
        result: CallbackResult,
    },
    StaleAnswer {
        pick: u16,
        number: u8,
        epoch: u8,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Fate {
    Fine,
    CommitFails,
    /// The commit is through, the effects are lost with the instance.
    CrashBeforeEffects,
    /// The effects are out, then the instance dies.
    CrashAfterEffects,
}

#[derive(Clone, Debug)]
pub enum Op {
    Turn(Vec<Input>, Fate),
    Pass(u64),
    Back(u64),
    /// The stored alarm fires, so late.
    Alarm(u64),
    /// A stored row becomes unreadable, or of a later version; then a restart.
    Spoil {
        pick: u8,
        foreign: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub profiles: Vec<Profile>,
    pub ops: Vec<Op>,
    /// At the end the outside answers everything, or nothing ever again.
    pub answers_at_the_end: bool,
}

fn input() -> impl Strategy<Value = Input> {
    let result = prop_oneof![Just(CallbackResult::Answered), Just(CallbackResult::Failed)];
    prop_oneof![
        1 => Just(Input::Start),
        6 => Just(Input::Tick),
        // Small entropies make neighbours in one millisecond collide.
        12 => (0..14_u8, 0..8_u8, prop_oneof![0..3_u128, any::<u128>(), Just(u128::MAX)])
            .prop_map(|(name, profile, entropy)| Input::Enqueue { name, profile: profile / 3, entropy }),
        1 => (0..14_u8, any::<u8>()).prop_map(|(name, field)| Input::Invalid { name, field }),
        2 => (0..14_u8).prop_map(|name| Input::Cancel { name }),
        1 => (0..14_u8).prop_map(|name| Input::Status { name }),
        12 => (any::<u8>(), end()).prop_map(|(pick, end)| Input::Complete { pick, end }),
        3 => (any::<u16>(), 0..3_u8, 0..3_u8, end())
            .prop_map(|(pick, number, epoch, end)| Input::Stale { pick, number, epoch, end }),
        6 => (any::<u8>(), result).prop_map(|(pick, result)| Input::Answer { pick, result }),
        1 => (any::<u16>(), 0..3_u8, 0..3_u8)
            .prop_map(|(pick, number, epoch)| Input::StaleAnswer { pick, number, epoch }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let fate = prop_oneof![
        24 => Just(Fate::Fine),
        1 => Just(Fate::CommitFails),
        1 => Just(Fate::CrashBeforeEffects),
        1 => Just(Fate::CrashAfterEffects),
    ];
    let passed = prop_oneof![3 => 0..50_u64, 3 => 0..20_000_u64, 1 => 0..600_000_u64, 1 => 0..3_600_000_u64];
    let late = prop_oneof![4 => Just(0_u64), 2 => 0..1_000_u64, 1 => 0..60_000_u64, 1 => 0..2_400_000_u64];
    prop_oneof![
        14 => (input(), fate.clone()).prop_map(|(input, fate)| Op::Turn(vec![input], fate)),
        3 => (prop::collection::vec(input(), 2..6), fate).prop_map(|(inputs, fate)| Op::Turn(inputs, fate)),
        4 => passed.prop_map(Op::Pass),
        1 => (0..4_000_u64).prop_map(Op::Back),
        5 => late.prop_map(Op::Alarm),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(pick, foreign)| Op::Spoil { pick, foreign }),
    ]
}

/// Sequences with every fault. Without `spoils`, no row is damaged.
pub fn plans(longest: usize, spoils: bool) -> impl Strategy<Value = Plan> {
    let ops = prop::collection::vec(op(), 1..longest);
    (prop::collection::vec(profile(), 3), ops, any::<bool>()).prop_map(
        move |(profiles, mut ops, answers_at_the_end)| {
            if !spoils {
                ops.retain(|op| !matches!(op, Op::Spoil { .. }));
            }
            Plan { profiles, ops, answers_at_the_end }
        },
    )
}
