//! What happens to a demo that stays open: keys, signals, POSTs, all through one channel.

use std::io::BufRead as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

use super::subscriber::Arrival;

pub(crate) enum Message {
    /// A line of standard input.
    Typed(String),
    /// The terminal has another size.
    Resized,
    /// SIGINT, SIGTERM or SIGHUP.
    Stop,
    /// A POST.
    Arrived(Box<Arrival>),
}

/// Listens to standard input and signals from now on. Input that ends, or is none, is no reason to end.
pub(crate) fn open() -> Result<(Sender<Message>, Receiver<Message>), String> {
    let (sender, inbox) = channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH])
        .map_err(|e| format!("signals cannot be caught: {e}"))?;
    let tell = sender.clone();
    thread::spawn(move || {
        for signal in signals.forever() {
            let message = if signal == SIGWINCH { Message::Resized } else { Message::Stop };
            drop(tell.send(message));
        }
    });
    let tell = sender.clone();
    thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
            drop(tell.send(Message::Typed(String::from_utf8_lossy(&line).trim().to_owned())));
        }
    });
    Ok((sender, inbox))
}
