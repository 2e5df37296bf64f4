// SPDX-License-Identifier: GPL-3.0-or-later
//! High availability under a run that may die at any moment, with a manager that may be dead: walked with the product's own steps.

use std::time::Duration;

use cluster_state::fencing::{Disarm, Fencing, Manager};
use stateright::{Checker, Model, Property};

use crate::ha::{Step, Watch, disarming};

/// Long enough for whatever is waited for.
const LATE: Duration = Duration::from_secs(1000);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    /// No run of ours.
    Nobody,
    Disarms {
        sent: bool,
    },
    Works,
    Arms {
        sent: bool,
        disarmed: bool,
        clean: Option<u8>,
    },
}

const ARMS: Phase = Phase::Arms { sent: false, disarmed: false, clean: None };

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Ha {
    /// Whether each command that waits disarms.
    queue: Vec<bool>,
    /// What the manager has read and not written yet.
    read: Vec<bool>,
    /// None when it is armed, and whether it is complete.
    disarm: Option<bool>,
    /// The manager's time, of which only changes count.
    time: u8,
    alive: bool,
    marker: bool,
    phase: Phase,
    begun: bool,
    faults: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Begin,
    Look { late: bool },
    GiveUp,
    Work,
    Die,
    Next,
    ManagerReads,
    ManagerWrites,
    ManagerGoes,
    ManagerComes,
}

struct Arming {
    faults: u8,
    /// Whether a manager that says nothing was taken for one that is armed.
    old: bool,
}

impl Ha {
    fn seen(&self) -> Fencing {
        let disarm = self.disarm.map(|complete| if complete { Disarm::Complete } else { Disarm::Underway });
        let word = |disarms: &bool| if *disarms { "disarm-ha freeze" } else { "arm-ha" };
        Fencing {
            manager: Some(Manager { timestamp: self.time.into(), disarm, ..Manager::default() }),
            queue: self.queue.iter().map(|disarms| word(disarms).to_owned()).collect(),
            ..Fencing::default()
        }
    }
}

impl Model for Arming {
    type State = Ha;
    type Action = Event;

    fn init_states(&self) -> Vec<Ha> {
        let new = |alive: bool| Ha {
            queue: Vec::new(),
            read: Vec::new(),
            disarm: None,
            time: 0,
            alive,
            marker: false,
            phase: Phase::Nobody,
            begun: false,
            faults: self.faults,
        };
        vec![new(true), new(false)]
    }

    fn actions(&self, seen: &Ha, events: &mut Vec<Event>) {
        match seen.phase {
            Phase::Nobody if !seen.begun => events.push(Event::Begin),
            Phase::Nobody if seen.marker => events.push(Event::Next),
            Phase::Nobody => {}
            Phase::Works => events.push(Event::Work),
            Phase::Disarms { .. } | Phase::Arms { .. } => {
                events.extend([Event::Look { late: false }, Event::GiveUp]);
                // a manager that has read something writes within a round
                if seen.read.is_empty() {
                    events.push(Event::Look { late: true });
                }
            }
        }
        if seen.alive {
            if seen.read.is_empty() && !seen.queue.is_empty() {
                events.push(Event::ManagerReads);
            }
            events.push(Event::ManagerWrites);
        } else {
            events.push(Event::ManagerComes);
        }
        if seen.faults > 0 {
            if seen.phase != Phase::Nobody {
                events.push(Event::Die);
            }
            if seen.alive {
                events.push(Event::ManagerGoes);
            }
        }
    }

    fn next_state(&self, seen: &Ha, event: Event) -> Option<Ha> {
        let mut after = seen.clone();
        match event {
            Event::Begin => {
                (after.begun, after.marker, after.phase) = (true, true, Phase::Disarms { sent: false })
            }
            Event::Work => after.phase = ARMS,
            // what has not come true in time is undone, and what cannot be is left to the next
            Event::GiveUp => {
                after.phase = if matches!(seen.phase, Phase::Disarms { .. }) { ARMS } else { Phase::Nobody };
            }
            Event::Die => (after.phase, after.faults) = (Phase::Nobody, seen.faults - 1),
            Event::Next => after.phase = ARMS,
            Event::Look { late } => self.look(&mut after, if late { LATE } else { Duration::ZERO }),
            Event::ManagerReads => after.read = std::mem::take(&mut after.queue),
            Event::ManagerWrites => {
                let read = std::mem::take(&mut after.read);
                if read.is_empty() {
                    after.disarm = seen.disarm.map(|_| true);
                }
                for disarms in read {
                    after.disarm = if disarms { after.disarm.or(Some(false)) } else { None };
                }
                after.time = (seen.time + 1) % 3;
            }
            Event::ManagerGoes => {
                (after.alive, after.faults) = (false, seen.faults - 1);
                after.read.clear();
            }
            Event::ManagerComes => after.alive = true,
        }
        (after != *seen && after.queue.len() < 5).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what is disarmed by us has its marker", |_, seen: &Ha| {
                let disarms = seen.disarm.is_some()
                    || seen.queue.last() == Some(&true)
                    || seen.read.last() == Some(&true);
                // what is carried out after it arms it again
                let armed = seen.queue.last() == Some(&false)
                    || seen.queue.is_empty() && seen.read.last() == Some(&false);
                seen.marker || !disarms || armed
            }),
            Property::sometimes("it is disarmed", |_, seen: &Ha| seen.phase == Phase::Works),
            Property::sometimes("it is armed again", |_, seen: &Ha| seen.begun && !seen.marker),
        ]
    }
}

impl Arming {
    fn look(&self, after: &mut Ha, now: Duration) {
        let seen = after.seen();
        match after.phase {
            Phase::Disarms { sent } => match disarming(&seen, sent.then_some(Duration::ZERO), now) {
                Step::Send => {
                    after.queue.push(true);
                    after.phase = Phase::Disarms { sent: true };
                }
                Step::Done => after.phase = Phase::Works,
                Step::Wait(_) => {}
            },
            Phase::Arms { sent, disarmed, clean } => {
                let clean = clean.map(|time| (Duration::ZERO, Some(u64::from(time))));
                let mut watch = Watch { sent: sent.then_some(Duration::ZERO), disarmed, clean };
                let step =
                    if self.old && seen.disarm().is_none() { Step::Done } else { watch.step(&seen, now) };
                let clean = watch.clean.map(|(_, time)| u8::try_from(time.unwrap_or(0)).unwrap());
                after.phase = Phase::Arms { sent, disarmed: watch.disarmed, clean };
                match step {
                    Step::Send => {
                        after.queue.push(false);
                        after.phase = Phase::Arms { sent: true, disarmed: watch.disarmed, clean };
                    }
                    Step::Done => (after.marker, after.phase) = (false, Phase::Nobody),
                    Step::Wait(_) => {}
                }
            }
            Phase::Nobody | Phase::Works => {}
        }
    }
}

#[test]
fn high_availability_never_stays_disarmed_unmarked() {
    let checker = Arming { faults: 3, old: false }.checker().threads(2).spawn_bfs().join();
    println!("high availability: {} states", checker.unique_state_count());
    checker.assert_properties();
    assert!(checker.unique_state_count() > 100);
}

#[test]
fn a_silent_manager_taken_for_an_armed_one_is_found() {
    let checker = Arming { faults: 1, old: true }.checker().spawn_bfs().join();
    assert!(checker.discovery("what is disarmed by us has its marker").is_some());
}
