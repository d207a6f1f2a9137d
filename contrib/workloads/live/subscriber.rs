//! The subscriber, whom one can stop, slow down and start again; all that reaches it goes into the inbox.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::inbox::Message;
use crate::support::{Receiver, Reply, Request};

/// How long a slow subscriber thinks: less than the deadline that the demo gives it.
pub(crate) const SLOW: Duration = Duration::from_secs(4);

/// A POST that reached the subscriber.
pub(crate) struct Arrival {
    pub(crate) request: Request,
    pub(crate) at: Instant,
    /// What it answers, and after what time.
    pub(crate) status: u16,
    pub(crate) after: Duration,
}

pub(crate) struct Subscriber<'a> {
    receiver: &'a Receiver,
    inbox: Sender<Message>,
    pub(crate) listens: bool,
    pub(crate) is_slow: bool,
}

impl<'a> Subscriber<'a> {
    pub(crate) fn new(receiver: &'a Receiver, inbox: Sender<Message>) -> Self {
        let subscriber = Self { receiver, inbox, listens: true, is_slow: false };
        subscriber.answer();
        receiver.clear();
        subscriber
    }

    /// Stops listening, or begins again.
    pub(crate) fn switch(&mut self) {
        self.listens = !self.listens;
        if self.listens {
            self.receiver.start_again();
        } else {
            self.receiver.stop();
        }
    }

    /// Takes its time from now on, or no longer.
    pub(crate) fn slow_down(&mut self) {
        self.is_slow = !self.is_slow;
        self.answer();
    }

    /// Forgets what was recorded: the inbox has it.
    pub(crate) fn forget(&self) {
        self.receiver.clear();
    }

    fn answer(&self) {
        let inbox = self.inbox.clone();
        let (status, after) = (200, if self.is_slow { SLOW } else { Duration::ZERO });
        self.receiver.reply_with(move |request, _| {
            let arrival = Arrival { request: request.clone(), at: request.arrived, status, after };
            drop(inbox.send(Message::Arrived(Box::new(arrival))));
            Reply::status(status).after(after)
        });
    }
}
