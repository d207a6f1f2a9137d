//! The subscribers, whom one can stop, slow down and start again; all that reaches them goes into the inbox.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::inbox::Message;
use crate::stage::Station;
use crate::support::{Reply, Request};

/// How long a slow subscriber thinks: less than the deadline that the demo gives it.
pub(crate) const SLOW: Duration = Duration::from_secs(4);

/// A POST that reached a subscriber.
pub(crate) struct Arrival {
    pub(crate) request: Request,
    pub(crate) at: Instant,
    /// What it answers, and after what time.
    pub(crate) status: u16,
    pub(crate) after: Duration,
}

pub(crate) struct Subscriber<'a> {
    stations: &'a [Station],
    inbox: Sender<Message>,
    pub(crate) listens: bool,
    pub(crate) is_slow: bool,
}

impl<'a> Subscriber<'a> {
    pub(crate) fn new(stations: &'a [Station], inbox: Sender<Message>) -> Self {
        let subscriber = Self { stations, inbox, listens: true, is_slow: false };
        subscriber.answer();
        subscriber.forget();
        subscriber
    }

    /// Stops listening, or begins again.
    pub(crate) fn switch(&mut self) {
        self.listens = !self.listens;
        for station in self.stations {
            if self.listens {
                station.receiver.start_again();
            } else {
                station.receiver.stop();
            }
        }
    }

    /// Takes its time from now on, or no longer.
    pub(crate) fn slow_down(&mut self) {
        self.is_slow = !self.is_slow;
        self.answer();
    }

    /// Forgets what was recorded: the inbox has it.
    pub(crate) fn forget(&self) {
        self.stations.iter().for_each(|station| station.receiver.clear());
    }

    fn answer(&self) {
        let (status, after) = (200, if self.is_slow { SLOW } else { Duration::ZERO });
        for station in self.stations {
            let inbox = self.inbox.clone();
            station.receiver.reply_with(move |request, _| {
                let arrival = Arrival { request: request.clone(), at: request.arrived, status, after };
                drop(inbox.send(Message::Arrived(Box::new(arrival))));
                Reply::status(status).after(after)
            });
        }
    }
}
