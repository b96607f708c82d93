//! Places for connections. Each network has a share of them. If none is left, a new connection takes the place of the
//! one that has been silent for the longest time.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::http::network;

/// The value of [`Place::silent_since`] while a request is open.
const BUSY: u64 = 0;

/// The places of a server.
pub(super) struct Places {
    max: usize,
    /// Maximum number of connections of one network.
    share: usize,
    /// Number of times that any connection became silent. It orders the values of [`Place::silent_since`].
    moments: AtomicU64,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    last_id: u64,
    places: BTreeMap<u64, Arc<Place>>,
    by_network: HashMap<IpAddr, usize>,
}

/// The place of one connection.
struct Place {
    network: IpAddr,
    /// The moment since which no request is open, or [`BUSY`].
    silent_since: AtomicU64,
    /// Notified when another connection has taken the place.
    lost: Notify,
}

/// A place that a connection holds until it is dropped.
pub(super) struct Held {
    places: Arc<Places>,
    place: Arc<Place>,
    id: u64,
}

/// A request that is open until this is dropped.
pub(super) struct Open<'a>(&'a Held);

impl Places {
    pub(super) fn new(max: usize, share: usize) -> Arc<Self> {
        Arc::new(Self { max, share, moments: AtomicU64::new(BUSY), taken: Mutex::default() })
    }

    /// Takes a place for a connection from this address, which is silent at first.
    ///
    /// Returns `None` if all connections of the address's network, or all connections, have open requests.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Held> {
        let network = network::of_client(address);
        let mut taken = self.taken();
        if taken.by_network.get(&network).is_some_and(|&count| count >= self.share) {
            taken.make_room(Some(network))?;
        } else if taken.places.len() >= self.max {
            taken.make_room(None)?;
        }
        taken.last_id += 1;
        let id = taken.last_id;
        let silent_since = AtomicU64::new(self.next_moment());
        let place = Arc::new(Place { network, silent_since, lost: Notify::new() });
        taken.places.insert(id, place.clone());
        *taken.by_network.entry(network).or_default() += 1;
        Some(Held { places: self.clone(), place, id })
    }

    fn next_moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Removes the connection that has been silent for the longest time, of one network or of all.
    fn make_room(&mut self, network: Option<IpAddr>) -> Option<()> {
        let candidates =
            self.places.iter().filter(|(_, place)| network.is_none_or(|network| place.network == network));
        let silent = candidates.filter_map(|(id, place)| Some((place.silent_since()?, *id)));
        let (_, id) = silent.min()?;
        self.remove(id)?.lost.notify_one();
        Some(())
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Place>> {
        let place = self.places.remove(&id)?;
        if let Some(count) = self.by_network.get_mut(&place.network) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&place.network);
            }
        }
        Some(place)
    }
}

impl Place {
    fn silent_since(&self) -> Option<u64> {
        Some(self.silent_since.load(Ordering::Relaxed)).filter(|&moment| moment != BUSY)
    }
}

impl Held {
    /// Marks a request as open. The connection keeps its place while a request is open.
    pub(super) fn open(&self) -> Open<'_> {
        self.place.silent_since.store(BUSY, Ordering::Relaxed);
        Open(self)
    }

    /// Waits until another connection has taken the place.
    pub(super) async fn lost(&self) {
        self.place.lost.notified().await;
    }

    pub(super) fn is_silent(&self) -> bool {
        self.place.silent_since().is_some()
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.place.silent_since.store(self.0.places.next_moment(), Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.places.taken().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn is_lost(held: &Held) -> bool {
        let lost = pin!(held.lost());
        lost.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn are_lost<const N: usize>(held: [&Held; N]) -> [bool; N] {
        held.map(is_lost)
    }

    fn counts(places: &Places) -> (usize, usize) {
        let taken = places.taken();
        assert_eq!(taken.by_network.values().sum::<usize>(), taken.places.len());
        (taken.places.len(), taken.by_network.len())
    }

    #[test]
    fn a_network_has_a_share_and_its_oldest_silent_connection_makes_room() {
        let places = Places::new(100, 3);
        let take = || places.take(address("192.0.2.1")).expect("a place");
        let other = places.take(address("192.0.2.2")).expect("a place");
        let [a, b, c] = [take(), take(), take()];
        let d = take();
        assert_eq!(are_lost([&other, &a, &b, &c, &d]), [false, true, false, false, false]);
        // a request makes `b` the latest
        drop(b.open());
        let e = take();
        assert_eq!(are_lost([&other, &b, &c, &d, &e]), [false, false, true, false, false]);
        let _open = d.open();
        let (_f, g) = (take(), take());
        assert_eq!(are_lost([&other, &b, &d, &e, &g]), [false, true, false, true, false]);
        assert_eq!(counts(&places), (4, 2));
    }

    #[test]
    fn the_oldest_silent_connection_of_all_makes_room_when_no_place_is_left() {
        let places = Places::new(3, 2);
        let take = |text| places.take(address(text));
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.2"].map(|text| take(text).expect("a place"));
        let d = take("192.0.2.3").expect("a place");
        assert_eq!(are_lost([&a, &b, &c, &d]), [true, false, false, false]);
        // the share comes first
        let e = take("192.0.2.2").expect("a place");
        assert_eq!(are_lost([&b, &c, &d, &e]), [true, false, false, false]);
        assert_eq!(counts(&places), (3, 2));
    }

    #[test]
    fn an_open_request_keeps_its_place() {
        let places = Places::new(2, 1);
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| places.take(address(text)).expect("a place"));
        let open = [a.open(), b.open()];
        assert!(!a.is_silent());
        assert!(places.take(address("192.0.2.1")).is_none());
        assert!(places.take(address("192.0.2.3")).is_none());
        assert_eq!(counts(&places), (2, 2));
        drop(open);
        assert!(a.is_silent());
        let c = places.take(address("192.0.2.3")).expect("a place");
        assert_eq!(are_lost([&a, &b, &c]), [true, false, false]);
    }

    #[test]
    fn the_end_of_a_connection_frees_its_place_once() {
        let places = Places::new(2, 2);
        let take = || places.take(address("192.0.2.1")).expect("a place");
        let [a, b] = [take(), take()];
        let c = take();
        drop(a);
        assert_eq!(counts(&places), (2, 1));
        drop((b, c));
        assert_eq!(counts(&places), (0, 0));
    }
}
