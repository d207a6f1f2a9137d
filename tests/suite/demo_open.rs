//! The demo that stays open: what its timeline tells, what its keys do, what is left when it ends.

use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::demo::demo;
use crate::support::{Outboxd, RelayProcess, shared};

/// Longer than anything here takes on a laden machine; the shop is played first.
const SOON: Duration = Duration::from_mins(1);
/// The last line before the timeline begins.
const OPEN: &str = "UTC, or age";

pub(super) struct Demo {
    pub process: RelayProcess,
    input: Option<ChildStdin>,
    url: String,
    /// From here on lines have not been looked at.
    mark: usize,
}

impl Demo {
    fn start() -> Self {
        Self::start_with(&[])
    }

    pub(super) fn start_with(options: &[&str]) -> Self {
        let arguments = [&["--outboxd", env!("CARGO_BIN_EXE_outboxd")], options].concat();
        let (process, input) = Outboxd::new(&demo()).spawn_with_input(&arguments, &[]);
        Self::opened(process, Some(input))
    }

    /// With a standard input that is at its end from the beginning.
    fn start_without_input() -> Self {
        let arguments = ["--outboxd", env!("CARGO_BIN_EXE_outboxd")];
        Self::opened(Outboxd::new(&demo()).spawn(&arguments, &[]), None)
    }

    fn opened(process: RelayProcess, input: Option<ChildStdin>) -> Self {
        process.wait_for_line(OPEN, SOON);
        let line = process.wait_for_line("  psql 'postgres://", SOON);
        let url = line.trim().strip_prefix("psql ").unwrap().trim_matches('\'').to_owned();
        let mark = process.mark();
        Self { process, input, url, mark }
    }

    pub(super) fn key(&mut self, key: &str) {
        writeln!(self.input.as_mut().unwrap(), "{key}").unwrap();
    }

    /// Each statement by itself, in one session, as somebody at psql types them.
    pub(super) fn psql(&self, statements: &[&str]) -> String {
        let mut command = Command::new(shared().bin("psql"));
        command.args(["-X", "-qAt", "-d", &self.url]);
        for statement in statements {
            command.args(["-c", statement]);
        }
        let output = command.stderr(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Anybody with an account on the machine may try, and could run programs as the server's.
    fn lets_nobody_else_in(&self) {
        let (open, _) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let mut command = Command::new(shared().bin("psql"));
        command.args(["-X", "-w", "-c", "select 1", "-d", open]).env_remove("PGPASSFILE");
        let said = command.output().unwrap().stderr;
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("no password supplied"), "{said}");
    }

    /// The next line with this text.
    #[track_caller]
    pub(super) fn wait(&self, text: &str) -> String {
        self.process.wait_for_line_from(self.mark, text, SOON)
    }

    /// The next line that has this text, and a further text in it.
    #[track_caller]
    pub(super) fn wait_for_post(&self, object: &str, further: &str) -> String {
        let line = self.wait(&format!("→ {object} "));
        assert!(line.contains("verified, 200") && line.contains(further), "{further:?} in {line:?}");
        line
    }

    /// The lines since the mark, which is moved behind them, without the time or age in front.
    fn told(&mut self) -> Vec<String> {
        let lines = self.process.lines().split_off(self.mark);
        self.mark += lines.len();
        lines.iter().map(|line| line.chars().skip(14).collect()).collect()
    }

    /// As [`Demo::told`], without what is said when the machine is slow.
    fn told_at_any_speed(&mut self) -> Vec<String> {
        let mut told = self.told();
        told.retain(|line| !line.starts_with("… not committed") && !line.starts_with("ages count from"));
        told
    }

    /// What must be gone when it has ended: files by name, its relay as a process.
    fn traces(&self) -> Vec<String> {
        let server = self.psql(&["show data_directory"]);
        let line = self.process.wait_for_line("$ outboxd run ", SOON);
        let identities = line.split_whitespace().skip_while(|word| *word != "--identities").nth(1).unwrap();
        let base = Path::new(&server).parent().unwrap().display().to_string();
        let files = Path::new(identities).parent().unwrap().display().to_string();
        vec![base, files, format!("/proc/{}", self.relay())]
    }

    /// The relay's pid, as the text that explains names it last.
    fn relay(&self) -> String {
        let lines = self.process.lines();
        let line = lines.iter().rev().find(|line| line.contains("The same by hand: kill -9 ")).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }
}

fn webhook_id(line: &str) -> String {
    line.split("id ").last().unwrap().to_owned()
}

fn place(lines: &[String], text: &str) -> usize {
    lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text:?} in {lines:#?}"))
}

#[track_caller]
fn assert_gone(traces: &[String]) {
    for trace in traces {
        assert!(!Path::new(trace).exists(), "{trace} is still there");
    }
}

#[test]
fn each_commit_is_told_with_its_posts() {
    let mut demo = Demo::start();
    let traces = demo.traces();
    demo.lets_nobody_else_in();

    demo.psql(&["update orders\n   set status = 'paid' where id = 1"]);
    demo.wait_for_post("Order.Update 1", ", attempt 1, id ");
    let told = demo.told_at_any_speed();
    let statement = place(&told, "update orders set status = 'paid' where id = 1");
    assert!(statement < place(&told, "→ Order.Update 1 "), "{told:#?}");

    demo.psql(&["begin", "delete from orders", "rollback"]);
    demo.wait("→ nothing leaves: rolled back");
    let told = demo.told_at_any_speed();
    assert_eq!(told, ["begin", "delete from orders", "rollback", "→ nothing leaves: rolled back"]);

    // Its events have the numbers of savepoints, not of the transaction.
    let savepoints = [
        "begin",
        "savepoint a",
        "update orders set status = 'kept' where id = 2",
        "release a",
        "savepoint b",
        "delete from orders where id = 3",
        "rollback to b",
        "commit",
    ];
    demo.psql(&savepoints);
    demo.wait_for_post("Order.Update 2", ", attempt 1, id ");
    let told = demo.told_at_any_speed();
    assert_eq!(told[..8], savepoints, "{told:#?}");
    assert!(told[8].starts_with("→ Order.Update 2 "), "{told:#?}");

    demo.psql(&[
        "update orders set status = 'a' where id = 10; update orders set status = 'b' where id = 11",
    ]);
    demo.wait_for_post("Order.Update 10", "attempt 1");
    demo.wait_for_post("Order.Update 11", "attempt 1");
    let told = demo.told_at_any_speed();
    assert!(told[0].starts_with("update orders set status = 'a' where id = 10; update orders"), "{told:#?}");
    assert_eq!(told[1], "2 events, committed together");

    demo.psql(&["update customer set name = 'Ada' where id = 1"]);
    demo.wait("→ nothing to announce");
    demo.psql(&["insert into orders values (1, 1, 'again')"]);
    demo.wait("→ nothing leaves: rolled back");
    let told = demo.told_at_any_speed();
    assert!(place(&told, "ERROR: duplicate key") > place(&told, "insert into orders values (1, 1, 'again')"));

    // The executor runs none of these, so the log does not number them.
    demo.psql(&["do $$ begin update orders set status = 'do' where id = 4; end $$"]);
    demo.wait_for_post("Order.Update 4", "attempt 1");
    let told = demo.told_at_any_speed();
    assert!(place(&told, "do $$ begin update") < place(&told, "→ Order.Update 4 "), "{told:#?}");

    // Its own session and the relay's are cut off.
    let cut = "select count(pg_terminate_backend(pid)) > 1 from pg_stat_activity \
               where backend_type = 'client backend' and pid <> pg_backend_pid()";
    assert_eq!(demo.psql(&[cut]), "t");
    demo.psql(&["update orders set status = 'after' where id = 12"]);
    demo.wait_for_post("Order.Update 12", "attempt 1");
    let told = demo.told_at_any_speed();
    assert!(place(&told, "status = 'after'") < place(&told, "→ Order.Update 12 "), "{told:#?}");

    demo.key("q");
    assert_eq!(demo.process.wait(SOON), 0);
    assert_gone(&traces);
}

#[test]
fn an_open_transaction_is_told_as_such() {
    let mut demo = Demo::start();
    let mut psql = Command::new(shared().bin("psql"))
        .args(["-X", "-q", "-d", &demo.url])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = psql.stdin.take().unwrap();
    writeln!(typed, "begin;\nupdate orders set status = 'slow' where id = 1;").unwrap();
    demo.wait("not committed: nothing leaves before COMMIT");
    // Somebody else meanwhile.
    demo.psql(&["update orders set status = 'quick' where id = 2"]);
    demo.wait_for_post("Order.Update 2", "attempt 1");
    writeln!(typed, "commit;").unwrap();
    drop(typed);
    demo.wait_for_post("Order.Update 1", "attempt 1");
    assert!(psql.wait().unwrap().success());
    let told = demo.told();
    let order =
        ["begin;", "update orders set status = 'slow'", "not committed", "→ Order.Update 2 ", "commit;"];
    let mut places: Vec<_> = order.iter().map(|text| place(&told, text)).collect();
    places.push(place(&told, "ages count from the change"));
    places.push(place(&told, "→ Order.Update 1 "));
    assert!(places.is_sorted(), "{places:?} {told:#?}");

    // The terminal is closed.
    let traces = demo.traces();
    demo.process.signal("HUP");
    assert_eq!(demo.process.wait(SOON), 0);
    assert_gone(&traces);
}

#[test]
fn what_is_stopped_or_killed_comes_back() {
    let mut demo = Demo::start();

    demo.key("s");
    demo.wait("the subscriber is stopped");
    demo.psql(&["update orders set status = 'waits' where id = 5"]);
    demo.wait("✗ Order.Update 5       attempt 1 failed");
    let failed = demo.wait("✗ Order.Update 5       attempt 2 failed");
    demo.wait("Connection refused");
    assert_eq!(demo.psql(&["select subscriber, open from outbox.failing"]), "demo|1");
    demo.key("s");
    demo.wait("the subscriber is back; 1 delivery is due in ");
    demo.psql(&["select outbox.retry(id) from outbox.delivery"]);
    let post = demo.wait_for_post("Order.Update 5", ", id ");
    assert_eq!(webhook_id(&post), webhook_id(&failed));

    demo.told();
    demo.key("h");
    demo.wait("the subscriber thinks for 4 s");
    demo.psql(&["update orders set status = 'in flight' where id = 6"]);
    let first = demo.wait_for_post("Order.Update 6", "verified, 200 in 4 s, attempt 1");
    demo.key("k");
    demo.wait("kill -9");
    demo.wait("1 delivery in flight");
    demo.psql(&["update orders set status = 'meanwhile' where id = 7"]);
    demo.wait("its delivery waits: no relay runs");
    demo.key("h");
    demo.wait("answers at once again");
    demo.told();
    demo.key("k");
    let started = demo.wait("a relay was started, pid ");
    demo.wait_for_post("Order.Update 7", "attempt 1, id ");
    // The lease's end, without waiting for it.
    demo.psql(&["update outbox.delivery set due_at = clock_timestamp()"]);
    let second = demo.wait_for_post("Order.Update 6", "attempt 2, same id ");
    assert_eq!(webhook_id(&first), webhook_id(&second));

    // By hand, as the text says.
    let pid = started.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned();
    demo.key("?");
    demo.wait(&format!("The same by hand: kill -9 {pid}"));
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    demo.wait(&format!("the relay {pid} has ended, exit code 137"));

    // Ctrl-C.
    demo.process.signal("INT");
    assert_eq!(demo.process.wait(SOON), 0);
}

#[test]
fn without_input_it_stays_open_until_a_signal() {
    let demo = Demo::start_without_input();
    let traces = demo.traces();
    demo.psql(&["update orders set status = 'paid' where id = 1"]);
    demo.wait_for_post("Order.Update 1", "attempt 1");
    demo.process.signal("TERM");
    assert_eq!(demo.process.wait(SOON), 0);
    assert_gone(&traces);
}

#[test]
fn even_when_killed_it_leaves_nothing_behind() {
    let demo = Demo::start();
    let traces = demo.traces();
    // A relay that stands still does not end by itself, whatever it misses.
    assert!(Command::new("kill").args(["-STOP", &demo.relay()]).status().unwrap().success());
    demo.process.signal("KILL");
    demo.process.wait(SOON);
    // The shells that clean up belong to nobody and can tell nobody; a server can look.
    for trace in traces {
        shared().admin().wait_until(&format!("select pg_stat_file('{trace}', true) is null"), SOON);
    }
}
