//! The least that simulates it: a binary heap, a number per request, and nothing that could be wrong.

use super::{
    Done, EVENTS_PER_REQUEST, NETWORK, REQUESTS, SERVICE, SLOTS, SPREAD, TIMEOUT,
    calendar::{Calendar, What},
};
use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Planned,
    Queued,
    InFlight,
    Delivering,
    Finished,
}

struct World {
    calendar: Calendar,
    states: Vec<State>,
    waiting: VecDeque<u32>,
    in_flight: usize,
    finished: u64,
}

impl World {
    fn fill(&mut self) {
        while self.in_flight < SLOTS
            && let Some(request) = self.waiting.pop_front()
        {
            self.in_flight += 1;
            self.states[request as usize] = State::InFlight;
            self.calendar.after(TIMEOUT, What::FetchTimesOut, request);
            self.calendar.send(What::FetchReaches, request);
        }
    }

    fn deliver(&mut self, request: u32) {
        self.in_flight -= 1;
        self.states[request as usize] = State::Delivering;
        self.calendar.after(TIMEOUT, What::CallbackTimesOut, request);
        self.calendar.send(What::CallbackReaches, request);
        self.fill();
    }

    fn happen(&mut self, what: What, request: u32) {
        let state = self.states[request as usize];
        match what {
            What::Asks => self.calendar.send(What::CallArrives, request),
            What::CallArrives => {
                self.states[request as usize] = State::Queued;
                self.waiting.push_back(request);
                self.calendar.send(What::ReplyArrives, request);
                self.fill();
            }
            What::ReplyArrives => {}
            What::FetchReaches => {
                let delay = self.calendar.rng.between(SERVICE) + self.calendar.rng.between(NETWORK);
                self.calendar.after(delay, What::Responds, request);
            }
            // Whichever comes first; the other finds another state.
            What::Responds | What::FetchTimesOut if state == State::InFlight => self.deliver(request),
            What::CallbackReaches => self.calendar.send(What::CallbackEnds, request),
            What::CallbackEnds | What::CallbackTimesOut if state == State::Delivering => {
                self.states[request as usize] = State::Finished;
                self.finished += 1;
            }
            What::Responds | What::FetchTimesOut | What::CallbackEnds | What::CallbackTimesOut => {}
        }
    }
}

pub fn run(seed: u64) -> Done {
    let mut world = World {
        calendar: Calendar::new(seed),
        states: vec![State::Planned; REQUESTS as usize],
        waiting: VecDeque::new(),
        in_flight: 0,
        finished: 0,
    };
    for request in 0..REQUESTS as u32 {
        let at = world.calendar.rng.between((0, SPREAD));
        world.calendar.after(at, What::Asks, request);
    }
    let mut events = 0;
    while let Some((what, request)) = world.calendar.next() {
        events += 1;
        world.happen(what, request);
    }
    assert_eq!(world.finished, REQUESTS);
    assert_eq!(events, REQUESTS * EVENTS_PER_REQUEST);
    Done { events, requests: REQUESTS, simulated_us: world.calendar.now }
}
