//! From a name to a TCP connection: resolved once, each address judged before it is dialled, and dialled as it was judged.
//! A name that means something else a moment later leads nowhere.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::address::{Guard, Own, OwnHost, faces};
use super::failure::Failure;

/// What a name stands for, or why nobody knows.
type Found = Result<Vec<IpAddr>, String>;
type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
type UnderWay = Arc<Mutex<HashMap<String, watch::Receiver<Option<Found>>>>>;

/// Opens TCP connections to where they may go.
pub struct Dialler {
    guard: Guard,
    resolve: fn(String) -> Looking,
    /// The system's resolver blocks a thread, for as long as it likes: one per name, however many wait for it, and
    /// however many have gone on waiting long enough. A name that is never answered does not use up the threads of others.
    under_way: UnderWay,
}

impl Dialler {
    /// To where `guard` lets it.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self { guard, resolve: system, under_way: UnderWay::default() }
    }

    /// A connection to a name or an address, before `until`.
    pub(super) async fn dial(&self, host: &str, port: u16, until: Instant) -> Result<TcpStream, Failure> {
        let addresses = self.permitted(host, port, until).await?;
        let mut last = Failure::name(host, "the name has no address");
        for (at, address) in addresses.iter().enumerate() {
            // One that swallows packets leaves time for the others.
            let rest = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
            let share = until.saturating_duration_since(Instant::now()) / rest;
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(e)) => last = Failure::tcp(*address, &e),
                Err(_) => last = Failure::tcp_timeout(*address, share),
            }
        }
        Err(last)
    }

    /// All that the name stands for and that may be dialled. When nothing of it may, that is the failure.
    async fn permitted(&self, host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>, Failure> {
        let found = self.look_up(host, until).await.map_err(|why| Failure::name(host, &why))?;
        let mut addresses: Vec<SocketAddr> =
            found.iter().map(|ip| SocketAddr::new(ip.to_canonical(), port)).collect();
        let mut denied = None;
        for own in self.guard.own_at(port) {
            let places = self.places(own, until).await?;
            addresses.retain(|address| {
                let is_own = faces(address.ip()).into_iter().any(|ip| is_at(ip, own, &places));
                if is_own {
                    denied = Some(Failure::own_address(host, *address, own.what));
                }
                !is_own
            });
        }
        addresses.retain(|address| match self.guard.objection(*address) {
            None => true,
            Some(objection) => {
                denied.get_or_insert_with(|| Failure::address(host, *address, objection));
                false
            }
        });
        match denied {
            Some(failure) if addresses.is_empty() => Err(failure),
            _ => Ok(addresses),
        }
    }

    /// Where something of ours is now; asked for only where a port is the same. Who cannot tell does not dial.
    async fn places(&self, own: &Own, until: Instant) -> Result<Vec<IpAddr>, Failure> {
        let found = match &own.host {
            OwnHost::Machine => Vec::new(),
            OwnHost::Address(address) => vec![*address],
            OwnHost::Name(name) => {
                let found = self.look_up(name, until).await;
                found.map_err(|why| Failure::own_name(name, own.what, &why))?
            }
        };
        Ok(found.into_iter().flat_map(faces).collect())
    }

    async fn look_up(&self, host: &str, until: Instant) -> Found {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        let asked = Instant::now();
        let mut answer = self.ask(host);
        let answered = timeout_at(until, answer.wait_for(Option::is_some)).await;
        let Ok(answered) = answered else {
            return Err(format!("no answer within {}", seconds(until - asked)));
        };
        answered.ok().and_then(|found| found.clone()).unwrap_or_else(|| Err("the look-up failed".to_owned()))
    }

    /// The answer to a look-up that is under way already, or begins now.
    fn ask(&self, host: &str) -> watch::Receiver<Option<Found>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = under_way.get(host) {
            return answer.clone();
        }
        let (told, answer) = watch::channel(None);
        under_way.insert(host.to_owned(), answer.clone());
        let (host, looking, list) =
            (host.to_owned(), (self.resolve)(host.to_owned()), self.under_way.clone());
        tokio::spawn(async move {
            let found = looking.await.map_err(|error| error.to_string());
            list.lock().unwrap_or_else(PoisonError::into_inner).remove(&host);
            told.send_replace(Some(found));
        });
        answer
    }
}

/// As the system's files and name servers have it.
fn system(host: String) -> Looking {
    Box::pin(async move {
        let mut found: Vec<IpAddr> = Vec::new();
        for address in lookup_host((host.as_str(), 0)).await? {
            if !found.contains(&address.ip()) {
                found.push(address.ip());
            }
        }
        Ok(found)
    })
}

/// `places`: where it is, when that is not simply this machine. What is on this machine is taken to listen at all of its
/// addresses.
fn is_at(ip: IpAddr, own: &Own, places: &[IpAddr]) -> bool {
    let here = own.host == OwnHost::Machine || places.iter().any(|place| is_this_machine(*place));
    places.contains(&ip) || here && is_this_machine(ip)
}

/// Whether what is sent there stays here. Nobody but this machine can bind its addresses.
fn is_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

/// Round enough to be read.
pub(super) fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

#[cfg(test)]
#[path = "dial/tests.rs"]
mod tests;
