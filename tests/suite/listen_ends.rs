//! How `outboxd listen` ends, and what it makes of bad company.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::listening::{BODY, Listening, SECRET, post, read_answer};
use crate::stage::SOON;

// How it ends.

#[test]
fn it_ends_by_itself_after_so_many_and_has_answered_the_last() {
    let listening = Listening::start(&["--count", "3", "--answer", "200*2,202@900ms"]);
    assert_eq!(listening.webhook("a", BODY).unwrap().status, 200);
    listening.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(listening.webhook("a", BODY).unwrap().status, 200);
    let (mut resting, mut begun) = (listening.connect(), listening.connect());
    begun.write_all(b"POST / HTTP/1.1\r\nHost: loc").unwrap();
    let (mut late, body) = (listening.connect(), post("webhook-id: c\r\n", b"{}"));
    let (first, rest) = body.split_at(body.len() - 1);
    late.write_all(first).unwrap();
    std::thread::scope(|scope| {
        let last = scope.spawn(|| listening.webhook("b", BODY).unwrap());
        listening.process.wait_for_line("answered 202 after 900ms", SOON);
        // Nobody would see it: it is not taken, and its sender tries elsewhere or later.
        let _ = late.write_all(rest);
        assert!(read_answer(&mut late).is_none());
        assert_eq!(last.join().unwrap().status, 202);
    });
    assert_eq!(listening.process.wait(SOON), 0);
    let taken = listening.process.lines().into_iter().filter(|line| line.contains(" not verified ")).count();
    assert_eq!(taken, 3, "{:?}", listening.process.lines());
    let _ = (resting.read(&mut [0]), begun.read(&mut [0]));
}

#[test]
fn a_signal_ends_it_at_once_with_0() {
    for signal in ["TERM", "INT"] {
        let listening = Listening::start(&["--answer", "hang,200@600s"]);
        let mut held: Vec<_> = (0..2).map(|_| listening.connect()).collect();
        for (n, stream) in held.iter_mut().enumerate() {
            stream.write_all(&post(&format!("webhook-id: {n}\r\n"), b"{}")).unwrap();
        }
        listening.process.wait_for_line("answered 200 after 600s", SOON);
        let begun = Instant::now();
        listening.process.signal(signal);
        assert_eq!(listening.process.wait(SOON), 0);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

/// Starts a receiver whose standard output is a pipe that nobody reads yet.
fn unread(arguments: &[&str]) -> (std::process::Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outboxd"));
    command.args(["listen", "--address", "0"]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut errors, &mut line).unwrap();
    std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    let address = line.trim_end().rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned();
    (child, address)
}

fn send_to(address: &str, body: &[u8], patience: Duration) -> Option<u16> {
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(&post("webhook-id: a\r\n", body)).ok()?;
    read_answer(&mut stream).map(|answered| answered.status)
}

#[test]
fn who_reads_no_more_ends_it_quietly() {
    let (mut child, address) = unread(&[]);
    assert_eq!(send_to(&address, b"{}", SOON), Some(200));
    drop(child.stdout.take());
    let _ = send_to(&address, b"{}", SOON);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_ends_it_also_while_standard_output_takes_nothing() {
    let (mut child, address) = unread(&["--show", "body"]);
    let body = format!("[{}1]", "1,".repeat(20_000));
    // Until nobody is answered any more: what cannot be shown is not accepted.
    while send_to(&address, body.as_bytes(), Duration::from_secs(2)).is_some() {}
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

// Bad company.

#[test]
fn who_sends_a_webhook_is_answered_however_many_sit_there() {
    let listening = Listening::start(&["--secret", SECRET]);
    let mut idle = Vec::new();
    for n in 0..1200 {
        let mut stream = listening.connect();
        // Some say nothing, some begin a head, some a body.
        let _ = match n % 3 {
            0 => Ok(()),
            1 => stream.write_all(b"POST / HTTP/1.1\r\nHost: loc"),
            _ => stream.write_all(
                b"POST / HTTP/1.1\r\nHost: localhost\r\nwebhook-id: a\r\nContent-Length: 2000000\r\n\r\nx",
            ),
        };
        idle.push(stream);
        if n % 200 == 199 {
            let asked = Instant::now();
            assert_eq!(listening.webhook("a", BODY).unwrap().status, 200);
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?} behind {n}", asked.elapsed());
        }
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", listening.process.pid())).unwrap().count();
    assert!(open < 512 + 60, "{open} files are open");
    // Nobody keeps a place for long: neither who says nothing nor who does not go on.
    let asked = Instant::now();
    let mut bodies = 0;
    for stream in idle.iter_mut().rev().take(3) {
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        bodies += usize::from(said.starts_with(b"HTTP/1.1 408"));
    }
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    assert_eq!(bodies, 1);
    assert_eq!(listening.webhook("b", BODY).unwrap().status, 200);
}

#[test]
fn large_bodies_that_never_end_do_not_fill_the_memory() {
    let listening = Listening::start(&[]);
    let whole = post("webhook-id: a\r\n", &vec![b' '; 2 << 20]);
    let all_but_one = &whole[..whole.len() - 1];
    std::thread::scope(|scope| {
        for _ in 0..128 {
            let mut stream = listening.connect();
            scope.spawn(move || {
                // What there is no place for is not read, and in the end nobody is waited for.
                let _ = stream.write_all(all_but_one);
                let answered = read_answer(&mut stream);
                assert!(answered.is_none_or(|answered| answered.status == 408));
            });
        }
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", listening.process.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150 * 1024, "{peak} KiB");
    assert_eq!(listening.webhook("b", BODY).unwrap().status, 200);
}
