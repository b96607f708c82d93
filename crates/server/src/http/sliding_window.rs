//! Counts of events in a sliding window, in bounded memory: [`SlidingWindows`].
//!
//! For each id, the events of the last 60 seconds are kept as a list of *runs*. A run is an event with all that
//! follow it within 5 seconds. It leaves the window 60 seconds after its last event. So no more events than the limit
//! pass in any 60 seconds. An event counts for 60 to 65 seconds, and for exactly 60 if no other follows it within 5
//! seconds.
//!
//! (The algorithm of governor, GCRA, needs only one number for each id. But after a pause it lets the whole limit pass
//! at once, and as many events again within the next 60 seconds.)

use std::sync::{Mutex, PoisonError};

/// Length of the window, in milliseconds.
const WINDOW: u32 = 60_000;

/// Maximum time from the first event of a run to its last, in milliseconds.
const RUN: u32 = 5_000;

/// Maximum number of runs in a window: they begin at least 5 seconds apart, the first of them at most 65 seconds ago.
const RUNS: usize = 13;

/// Number of locks.
const SHARDS: usize = 64;

/// Number of sets under each lock.
const SETS: usize = 512;

/// Number of ids in a set. The id, which is a hash, selects the set.
const WAYS: usize = 4;

/// Counts of the events of up to 131,072 ids, in 16 MiB.
///
/// The time to find, add or forget an id does not depend on the number of ids. A new id in a full set replaces the one
/// with the fewest events. So an id that is near its limit stays, unless the others of its set are near theirs.
pub struct SlidingWindows([Mutex<Shard>; SHARDS]);

/// The sets under a lock. There are none before the first event.
type Shard = Vec<[Window; WAYS]>;

/// Outcome for an event. Times are in milliseconds.
#[derive(Debug, PartialEq)]
pub struct Counted {
    /// Number of further events that would pass now.
    pub left: u32,
    /// Time until no event counts any more, if no other follows.
    pub full_in: u32,
    /// If the event did not pass, the time until one does.
    pub refused_for: Option<u32>,
}

/// The last events of an id. A window fills two cache lines.
#[derive(Clone, Copy, Default)]
#[repr(align(128))]
struct Window {
    id: u64,
    /// Time of the last event, in milliseconds.
    latest: u64,
    /// Time of the first event of the last run. Like all times of runs, it has only the lower 32 bits. They suffice,
    /// because no run began more than 65 seconds ago.
    last_run_began: u32,
    /// Number of runs.
    length: u32,
    /// Oldest first.
    runs: [Run; RUNS],
}

#[derive(Clone, Copy, Default)]
struct Run {
    count: u32,
    /// Time of the last event.
    ended: u32,
}

impl Default for SlidingWindows {
    fn default() -> Self {
        Self([const { Mutex::new(Vec::new()) }; SHARDS])
    }
}

impl SlidingWindows {
    /// Counts an event of an id, which is a hash, if the id's window holds fewer than `limit`. `now` is in
    /// milliseconds.
    pub fn count(&self, id: u64, now: u64, limit: u32) -> Counted {
        let [shard, set] = [id >> 32, id & 0xffff_ffff].map(|half| usize::try_from(half).unwrap_or_default());
        let mut sets = self.0[shard % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if sets.is_empty() {
            sets.resize(SETS, [Window::default(); WAYS]);
        }
        find(&mut sets[set % SETS], id, now).count(now, limit)
    }
}

/// Returns the window of an id. A new id replaces the one with the fewest events.
fn find(set: &mut [Window; WAYS], id: u64, now: u64) -> &mut Window {
    let known = set.iter().position(|window| window.id == id);
    let at = known.unwrap_or_else(|| {
        let counts = set.each_ref().map(|window| window.count_at(now));
        let at = counts.iter().enumerate().min_by_key(|(_, count)| **count).map_or(0, |(at, _)| at);
        set[at] = Window { id, ..Window::default() };
        at
    });
    &mut set[at]
}

/// Returns the lower 32 bits of a time.
fn low_32_bits(time: u64) -> u32 {
    (time & u64::from(u32::MAX)) as u32
}

impl Window {
    fn count(&mut self, now: u64, limit: u32) -> Counted {
        // another thread may have read a later time and yet have counted first
        let time = now.max(self.latest);
        self.forget(time);
        let now = low_32_bits(time);
        let count = self.sum();
        let leaves_in = |run: &Run| (WINDOW - now.wrapping_sub(run.ended)).max(1);
        if count >= limit {
            let [first, last] =
                [self.runs().first(), self.runs().last()].map(|run| run.map_or(WINDOW, leaves_in));
            return Counted { left: 0, full_in: last, refused_for: Some(first) };
        }
        if self.length == 0 || now.wrapping_sub(self.last_run_began) >= RUN {
            self.length += 1;
            self.last_run_began = now;
        }
        self.latest = time;
        let run = &mut self.runs[self.length as usize - 1];
        *run = Run { count: run.count + 1, ended: now };
        Counted { left: limit - count - 1, full_in: WINDOW, refused_for: None }
    }

    /// Removes the runs that have left the window.
    fn forget(&mut self, now: u64) {
        // after this, all times are recent enough for 32 bits
        if self.count_at(now) == 0 {
            *self = Self { id: self.id, ..Self::default() };
        }
        while self.length > 0 && low_32_bits(now).wrapping_sub(self.runs[0].ended) >= WINDOW {
            self.runs.rotate_left(1);
            self.runs[RUNS - 1] = Run::default();
            self.length -= 1;
        }
    }

    /// Returns the number of events, some of which may have left the window.
    fn count_at(&self, now: u64) -> u32 {
        if now.saturating_sub(self.latest) >= u64::from(WINDOW) { 0 } else { self.sum() }
    }

    fn sum(&self) -> u32 {
        self.runs().iter().map(|run| run.count).sum()
    }

    fn runs(&self) -> &[Run] {
        &self.runs[..self.length as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::mem::size_of;
    use std::thread;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn passed(left: u32) -> Counted {
        Counted { left, full_in: WINDOW, refused_for: None }
    }

    fn refused(refused_for: u32, full_in: u32) -> Counted {
        Counted { left: 0, full_in, refused_for: Some(refused_for) }
    }

    #[test]
    fn as_many_as_the_limit_pass_in_any_minute() {
        for start in [0, u64::from(u32::MAX) - 30_000, 1 << 45] {
            let windows = SlidingWindows::default();
            let count = |after| windows.count(7, start + after, 4);
            assert_eq!([count(0), count(1)], [passed(3), passed(2)]);
            assert_eq!([count(30_000), count(34_999)], [passed(1), passed(0)]);
            assert_eq!(count(35_000), refused(25_001, 59_999));
            assert_eq!(count(60_000), refused(1, 34_999));
            // the first two leave together
            assert_eq!([count(60_001), count(60_001)], [passed(1), passed(0)]);
            assert_eq!(count(60_001), refused(34_998, MINUTE as u32));
            assert_eq!(count(94_998), refused(1, 25_003));
            assert_eq!(count(94_999), passed(1));
            assert_eq!(count(1_000_000), passed(3));
        }
    }

    /// An event that no other follows within five seconds leaves after exactly a minute.
    #[test]
    fn events_that_are_far_apart_leave_one_by_one() {
        let windows = SlidingWindows::default();
        for number in 0..1000 {
            assert_eq!(windows.count(7, number * 5000, 12), passed(11 - (number as u32).min(11)), "{number}");
            if number >= 11 {
                assert_eq!(windows.count(7, number * 5000 + 4999, 12).refused_for, Some(1), "{number}");
            }
        }
    }

    #[test]
    fn an_id_that_comes_back_after_all_bits_of_a_time_is_new() {
        let windows = SlidingWindows::default();
        let later = 1 << 32;
        for now in [0, later, 3 * later + 1, 3 * later + 2] {
            let expected = if now == 3 * later + 2 { refused(59_999, 59_999) } else { passed(0) };
            assert_eq!(windows.count(7, now, 1), expected, "{now}");
        }
    }

    /// A time that comes after a later one counts as the later one.
    #[test]
    fn times_may_come_in_any_order() {
        let windows = SlidingWindows::default();
        assert_eq!(windows.count(7, 1000, 3), passed(2));
        assert_eq!(windows.count(7, 999, 3), passed(1));
        assert_eq!(windows.count(7, 0, 3), passed(0));
        assert_eq!(windows.count(7, 999, 3), refused(WINDOW, WINDOW));
        assert_eq!(windows.count(7, 60_999, 3), refused(1, 1));
        assert_eq!(windows.count(7, 61_000, 3), passed(2));
    }

    /// Compares the windows with a list of all events, in steps of every size: at most the limit pass in a minute, an
    /// event is refused only if as many as the limit passed in the last 65 seconds, and one passes after the time that
    /// the refusal gave.
    #[test]
    fn it_agrees_with_a_list_of_events() {
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for limit in [1, 2, 5, 13, 14, 40] {
            let windows = SlidingWindows::default();
            let (mut events, mut now) = (VecDeque::new(), 123_456);
            for _ in 0..20_000 {
                let longest = [1, 10, 1000, 5000, 20_000, 100_000][next(6) as usize];
                now += next(longest);
                events.retain(|event| now - event < MINUTE + 5000);
                let in_a_minute = events.iter().filter(|event| now - **event < MINUTE).count();
                let counted = windows.count(7, now, limit);
                match counted.refused_for {
                    None => {
                        assert!(in_a_minute < limit as usize);
                        assert!(counted.left <= limit - 1 - in_a_minute as u32);
                        events.push_back(now);
                    }
                    Some(wait) => {
                        assert!(events.len() >= limit as usize && (1..=WINDOW).contains(&wait));
                        now += u64::from(wait) - 1;
                        assert_eq!(windows.count(7, now, limit).refused_for, Some(1));
                        now += 1;
                        assert_eq!(windows.count(7, now, limit).refused_for, None);
                        events.push_back(now);
                    }
                }
            }
        }
    }

    #[test]
    fn threads_share_one_limit() {
        let windows = SlidingWindows::default();
        let passed: usize = thread::scope(|scope| {
            let count = || (0..1000).filter(|&now| windows.count(7, now, 1500).refused_for.is_none()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1500);
    }

    #[test]
    fn a_new_id_replaces_the_one_with_the_fewest_events_of_the_last_minute() {
        let windows = SlidingWindows::default();
        // all ids of one set
        let [first, others @ .., new] = [0, 1, 2, 3, 4].map(|number| (number * SHARDS as u64) << 32);
        assert_eq!([(); 2].map(|()| windows.count(first, 0, 2)), [passed(1), passed(0)]);
        assert_eq!(others.map(|id| windows.count(id, 1, 2)), [passed(1), passed(1), passed(1)]);
        assert_eq!(windows.count(new, MINUTE, 2), passed(1));
        assert_eq!(others.map(|id| windows.count(id, MINUTE, 2)), [passed(0), passed(0), passed(0)]);
        assert_eq!(windows.count(new, MINUTE, 2), passed(0));
    }

    #[test]
    fn each_half_of_an_id_selects_what_the_other_does_not() {
        for (shift, ids) in [(0, SETS * WAYS), (32, SHARDS * WAYS)] {
            let windows = SlidingWindows::default();
            for expected in [passed(1), passed(0)] {
                for number in 0..ids as u64 {
                    assert_eq!(windows.count(number << shift, 0, 2), expected, "{number} << {shift}");
                }
            }
        }
    }

    #[test]
    fn any_number_of_ids_takes_the_memory_of_131072_and_forgets_the_least_used() {
        assert_eq!(size_of::<Window>() * WAYS * SETS * SHARDS, 16 << 20);
        let windows = SlidingWindows::default();
        let id = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..2 {
            assert_eq!(windows.count(id(0), 0, 2).refused_for, None);
        }
        for number in 1..500_000 {
            assert_eq!(windows.count(id(number), 1, 2), passed(1), "{number}");
        }
        assert_eq!(windows.count(id(0), 2, 2), refused(59_998, 59_998));
        assert_eq!(windows.count(id(499_999), 2, 2), passed(0));
        let sizes = windows.0.map(|shard| shard.into_inner().unwrap().len());
        assert_eq!(sizes, [SETS; SHARDS]);
    }
}
