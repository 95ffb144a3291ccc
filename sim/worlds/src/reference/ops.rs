//! What may happen, generated: operations and faults, named by small indexes that are looked up when they run, so that
//! a sequence stays one when it shrinks.

use super::inputs::{End, Profile, end, expires, profile};
use super::model::{Blind, Model, Setup, State, Told};
use proptest::{prelude::*, strategy::BoxedStrategy};
use proptest_state_machine::ReferenceStateMachine;
use proxy_fetch::{CallbackResult, Refusal, RefusalKind};

/// 2026-01-01: dates of `Retry-After` are well inside what their formats can say.
pub const BEGIN: u64 = 1_767_225_600_000;
const NAMES: u8 = 12;

/// What is wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    EmptyName,
    NameOfTwoWords,
    LongName,
    Method,
    Url,
    Scheme,
    Password,
    PrivateAddress,
    Header,
    BodyOfGet,
    CallbackElsewhere,
    ShortTimeout,
    LongTimeout,
    NegativeRetries,
    ManyRetries,
    ShortDelay,
    LongDelay,
    DelaysCrossed,
    CancelNoName,
    StatusNoName,
}

impl Wrong {
    pub const ALL: [Self; 20] = [
        Self::EmptyName,
        Self::NameOfTwoWords,
        Self::LongName,
        Self::Method,
        Self::Url,
        Self::Scheme,
        Self::Password,
        Self::PrivateAddress,
        Self::Header,
        Self::BodyOfGet,
        Self::CallbackElsewhere,
        Self::ShortTimeout,
        Self::LongTimeout,
        Self::NegativeRetries,
        Self::ManyRetries,
        Self::ShortDelay,
        Self::LongDelay,
        Self::DelaysCrossed,
        Self::CancelNoName,
        Self::StatusNoName,
    ];

    /// The refusal that names the field; its words for people are not promised.
    pub fn refusal(self) -> Refusal {
        use RefusalKind::{Invalid, NotAllowed};
        let (kind, field) = match self {
            Self::EmptyName | Self::NameOfTwoWords | Self::LongName | Self::CancelNoName | Self::StatusNoName => {
                (Invalid, "request_id")
            }
            Self::Method => (Invalid, "method"),
            Self::Url | Self::Scheme | Self::Password => (Invalid, "url"),
            Self::PrivateAddress => (NotAllowed, "url"),
            Self::Header => (Invalid, "headers"),
            Self::BodyOfGet => (Invalid, "body"),
            Self::CallbackElsewhere => (NotAllowed, "callback_url"),
            Self::ShortTimeout | Self::LongTimeout => (Invalid, "options.timeout_ms"),
            Self::NegativeRetries | Self::ManyRetries => (Invalid, "options.max_retries"),
            Self::ShortDelay => (Invalid, "options.retry_delay_ms"),
            Self::LongDelay | Self::DelaysCrossed => (Invalid, "options.max_retry_delay_ms"),
        };
        Refusal { kind, field, problem: "".into(), retry_after_ms: None }
    }
}

/// Calls that are to be refused, by what is wrong with them, as a judge counts them.
pub fn refused_calls() -> impl Iterator<Item = String> {
    Wrong::ALL.into_iter().map(|wrong| format!("invalid: {wrong:?}"))
}

#[derive(Clone, Copy, Debug)]
pub enum Input {
    Start,
    Tick,
    Stop,
    Enqueue {
        name: u8,
        profile: u8,
        entropy: u128,
    },
    Invalid(Wrong),
    Cancel {
        name: u8,
    },
    Status {
        name: u8,
    },
    /// A running fetch ends.
    Complete {
        pick: u8,
        end: End,
    },
    /// A report of an attempt that was made once; alone in its turn also of its neighbours, by number and epoch.
    Stale {
        pick: u16,
        number: u8,
        epoch: u8,
        end: End,
    },
    /// A callback ends.
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

/// What becomes of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Fine,
    CrashBeforeCommit,
    CommitFails,
    /// The commit is kept, but the host is told that it failed.
    CommitUnknown,
    CrashBeforeEffects,
    CrashAfterEffects,
}

#[derive(Clone, Debug)]
pub enum Transition {
    /// Events that share a turn.
    Turn(Vec<Input>, Fate),
    Pass(u64),
    /// Time passes until one of the deadlines, or one ms around it.
    PassTo {
        pick: u8,
        around: i8,
    },
    Back(u64),
    /// The stored alarm fires, so much later or, by another host's clock, earlier.
    Alarm {
        late: i64,
        fate: Fate,
    },
    /// The instance is gone between two turns; another one stands ready.
    Restart,
}

/// Finds what the inputs of a turn name. What there is none of does not happen.
pub fn resolve(model: &Model, inputs: &[Input]) -> Vec<Told> {
    let is_alone = inputs.len() == 1;
    let mut all: Vec<Told> = Vec::new();
    for input in inputs {
        let one = match *input {
            Input::Start => Some(Told::Start),
            Input::Tick => Some(Told::Tick),
            Input::Stop => Some(Told::Stop),
            Input::Enqueue { name, profile, entropy } => {
                let profile = usize::from(profile) % model.setup.profiles.len();
                Some(Told::Enqueue { name: named(name), profile, entropy })
            }
            Input::Invalid(wrong) => Some(Told::Invalid(wrong)),
            // What a status says of a delay could not be compared if a cancel in its turn took the delay away.
            Input::Cancel { name } => {
                let is_seen =
                    all.iter().any(|told| matches!(told, Told::Status { name: seen } if *seen == named(name)));
                (!is_seen).then(|| Told::Cancel { name: named(name) })
            }
            Input::Status { name } => Some(Told::Status { name: named(name) }),
            Input::Complete { pick, end } => {
                picked(&model.running(), pick.into()).map(|attempt| Told::Fetched { attempt, end })
            }
            Input::Stale { pick, number, epoch, end } => {
                shifted(model, pick, number, epoch, is_alone).map(|attempt| Told::Fetched { attempt, end })
            }
            Input::Answer { pick, result } => {
                picked(&model.calls(), pick.into()).map(|(attempt, _)| Told::Delivered { attempt, result })
            }
            Input::StaleAnswer { pick, number, epoch } => shifted(model, pick, number, epoch, is_alone)
                .filter(|_| is_alone)
                .map(|attempt| Told::Delivered { attempt, result: CallbackResult::Answered }),
        };
        all.extend(one);
    }
    all
}

fn named(name: u8) -> String {
    format!("r{name}")
}

fn picked<T: Copy>(all: &[T], pick: usize) -> Option<T> {
    all.get(pick % all.len().max(1)).copied()
}

fn shifted(model: &Model, pick: u16, number: u8, epoch: u8, is_alone: bool) -> Option<proxy_fetch::Attempt> {
    let mut attempt = picked(&model.history, pick.into())?;
    if is_alone {
        attempt.number = attempt.number.wrapping_add(number).wrapping_sub(1);
        attempt.epoch = attempt.epoch.wrapping_add(epoch.into()).wrapping_sub(1);
    }
    Some(attempt)
}

fn setup() -> impl Strategy<Value = Setup> {
    let max_live = prop_oneof![2 => Just(100_000_usize), 1 => 2..9_usize];
    let max_known = prop_oneof![3 => Just(10_000_usize), 1 => 1..9_usize];
    let fault_weight = prop_oneof![1 => Just(0_u32), 2 => Just(1), 2 => Just(4)];
    (prop::collection::vec(drawn_profile(), 3), max_live, max_known, any::<bool>(), fault_weight).prop_map(
        |(profiles, max_live, max_known, reads_alarm, fault_weight)| Setup {
            profiles,
            max_live,
            max_known,
            reads_alarm,
            fault_weight,
        },
    )
}

/// Often with short time-outs and delays, else every sequence is about waiting.
fn drawn_profile() -> impl Strategy<Value = Profile> {
    prop_oneof![
        2 => profile(),
        1 => profile().prop_map(|mut profile| {
            profile.options.retry_delay_ms = 100 + profile.options.retry_delay_ms % 2_000;
            profile.options.max_retry_delay_ms = profile.options.retry_delay_ms + profile.options.max_retry_delay_ms % 9_000;
            profile
        }),
    ]
}

/// Dense faults alone would let nothing come to its end.
fn fate(model: &Model) -> impl Strategy<Value = Fate> + use<> {
    let weight = model.setup.fault_weight;
    prop_oneof![
        120 => Just(Fate::Fine),
        weight => Just(Fate::CrashBeforeCommit),
        weight => Just(Fate::CommitFails),
        weight => Just(Fate::CommitUnknown),
        weight => Just(Fate::CrashBeforeEffects),
        weight => Just(Fate::CrashAfterEffects),
    ]
}

fn enqueue() -> impl Strategy<Value = Input> {
    // Small entropies make neighbours in one millisecond collide. The first profiles come most.
    (0..NAMES, 0..8_u8, prop_oneof![0..3_u128, any::<u128>(), Just(u128::MAX)])
        .prop_map(|(name, profile, entropy)| Input::Enqueue { name, profile: profile / 3, entropy })
}

fn input(model: &Model) -> impl Strategy<Value = Input> + use<> {
    let result = prop_oneof![Just(CallbackResult::Answered), Just(CallbackResult::Failed)];
    // A name that lives is more likely than any.
    let known: Vec<u8> = model.live.iter().filter_map(|one| one.name.get(1..)?.parse().ok()).collect();
    let name = move || {
        let known = known.clone();
        (any::<bool>(), 0..NAMES, any::<prop::sample::Index>())
            .prop_map(move |(lives, name, index)| if lives && !known.is_empty() { *index.get(&known) } else { name })
    };
    let is = |yes: bool, weight: u32| if yes { weight } else { 1 };
    let (running, calls) = (!model.running().is_empty(), !model.calls().is_empty());
    prop_oneof![
        is(!model.begun, 30) => Just(Input::Start),
        2 => Just(Input::Tick),
        1 => Just(Input::Stop),
        16 => enqueue(),
        1 => prop::sample::select(Wrong::ALL.to_vec()).prop_map(Input::Invalid),
        2 => name().prop_map(|name| Input::Cancel { name }),
        2 => name().prop_map(|name| Input::Status { name }),
        is(running, 10) => (any::<u8>(), end()).prop_map(|(pick, end)| Input::Complete { pick, end }),
        is(!model.history.is_empty(), 3) => (any::<u16>(), 0..3_u8, 0..3_u8, end())
            .prop_map(|(pick, number, epoch, end)| Input::Stale { pick, number, epoch, end }),
        is(calls, 6) => (any::<u8>(), result).prop_map(|(pick, result)| Input::Answer { pick, result }),
        is(calls, 2) => (any::<u16>(), 0..3_u8, 0..3_u8)
            .prop_map(|(pick, number, epoch)| Input::StaleAnswer { pick, number, epoch }),
    ]
}

/// Of the model alone: it guesses each delay as the shortest, and steers what is worth generating.
#[derive(Debug)]
pub struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Model> {
        setup().prop_map(|setup| Model::new(setup, BEGIN)).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Transition> {
        let passed = prop_oneof![3 => 0..50_u64, 3 => 0..20_000_u64, 2 => 0..600_000_u64, 1 => 0..1_900_000_u64];
        let late = prop_oneof![
            6 => Just(0_i64),
            1 => Just(-1_i64),
            1 => -20_000..0_i64,
            2 => 0..1_000_i64,
            2 => 0..60_000_i64,
            1 => 0..1_900_000_i64,
        ];
        let is_old = model.live.iter().any(|one| {
            let is_idle = matches!(one.state, State::Queued { .. } | State::InFlight { .. });
            is_idle && model.now() + 600_000 > expires(one.id)
        });
        let waits = model.begun && !model.live.is_empty();
        prop_oneof![
            24 => (input(model), fate(model)).prop_map(|(input, fate)| Transition::Turn(vec![input], fate)),
            4 => (prop::collection::vec(input(model), 2..7), fate(model))
                .prop_map(|(inputs, fate)| Transition::Turn(inputs, fate)),
            1 => (prop::collection::vec(enqueue(), 5..12), fate(model))
                .prop_map(|(inputs, fate)| Transition::Turn(inputs, fate)),
            4 => passed.prop_map(Transition::Pass),
            if is_old { 8 } else { 3 } => (any::<u8>(), -1..2_i8)
                .prop_map(|(pick, around)| Transition::PassTo { pick, around }),
            1 => (0..4_000_u64).prop_map(Transition::Back),
            if waits { 10 } else { 2 } => (late, fate(model)).prop_map(|(late, fate)| Transition::Alarm { late, fate }),
            if model.stopping { 8 } else { model.setup.fault_weight.min(1) } => Just(Transition::Restart),
        ]
        .boxed()
    }

    fn apply(mut model: Model, transition: &Transition) -> Model {
        guess(&mut model, transition);
        model
    }
}

/// What a transition comes to.
pub enum Step {
    /// Only time, if anything.
    Time,
    Restart,
    Turn {
        told: Vec<Told>,
        fate: Fate,
        /// Whether it is the alarm's handler.
        is_alarm: bool,
    },
}

/// Moves the clock, and finds what a transition names.
pub fn begin(model: &mut Model, transition: &Transition) -> Step {
    match transition {
        Transition::Turn(inputs, fate) => match resolve(model, inputs) {
            told if told.is_empty() => Step::Time,
            told => Step::Turn { told, fate: *fate, is_alarm: false },
        },
        Transition::Pass(ms) => {
            model.clock += ms;
            Step::Time
        }
        Transition::PassTo { pick, around } => {
            let ahead: Vec<u64> = model.deadlines().into_iter().filter(|at| *at > model.clock + 1).collect();
            if let Some(at) = picked(&ahead, (*pick).into()) {
                model.clock = at.saturating_add_signed((*around).into());
            }
            Step::Time
        }
        Transition::Back(ms) => {
            model.clock -= ms;
            Step::Time
        }
        Transition::Alarm { late, fate } => match model.alarm {
            Some(at) => {
                model.clock = model.clock.max(at.saturating_add_signed(*late));
                Step::Turn { told: vec![Told::Tick], fate: *fate, is_alarm: true }
            }
            None => Step::Time,
        },
        Transition::Restart => Step::Restart,
    }
}

/// The model goes on without a machine to look at.
fn guess(model: &mut Model, transition: &Transition) {
    let (told, fate, is_alarm) = match begin(model, transition) {
        Step::Time => return,
        Step::Restart => return model.restart(),
        Step::Turn { told, fate, is_alarm } => (told, fate, is_alarm),
    };
    if matches!(fate, Fate::CrashBeforeCommit | Fate::CommitFails) {
        return model.restart();
    }
    let predicted = model.turn(&told, &Blind);
    if is_alarm {
        model.alarm = None;
    }
    if let Some(wake) = model.wake()
        && model.known_alarm.is_none_or(|known| known <= model.clock || known > wake.until)
    {
        model.stored_alarm(wake.from);
    }
    match fate {
        Fate::Fine | Fate::CrashAfterEffects => model.sent(&predicted.effects),
        Fate::CrashBeforeCommit | Fate::CommitFails | Fate::CommitUnknown | Fate::CrashBeforeEffects => {}
    }
    match fate {
        Fate::Fine => {}
        Fate::CrashBeforeCommit
        | Fate::CommitFails
        | Fate::CommitUnknown
        | Fate::CrashBeforeEffects
        | Fate::CrashAfterEffects => model.restart(),
    }
}
