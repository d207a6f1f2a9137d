//! The README, followed from top to bottom by somebody who has never heard of us: every block of code is run as it stands.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::CommandFactory as _;
use outboxd::cli::Cli;
use serde_json::Value;
use tempfile::TempDir;

use crate::installing::installed;
use crate::markdown::{Block, blocks_of, sections};
use crate::source::text_of;
use crate::stage::SOON;
use crate::support::{Authority, Cluster, ClusterOptions, Outboxd, RelayProcess, shared};
use crate::terminal::Terminal;

/// Sections with code, and what runs it.
const RUN_BY: &[(&str, &str)] = &[
    ("", "the picture"),
    ("Two commands", "the checks before a change lands, and tests/suite/demo.rs"),
    ("Five minutes on your own tables", FIRST),
    ("From watch to dead letter", FIRST),
    ("Installing it", SHOP),
    ("Watching tables", SHOP),
    ("Objects of several tables", SHOP),
    ("What a transaction may say", SHOP),
    ("What would be sent, and why", SHOP),
    ("Sending what is there already", SHOP),
    ("Subscribing", SHOP),
    ("Forms of a POST", SHOP),
    ("Secrets", "tests/suite/restore.rs"),
    ("What is kept, and for how long", SHOP),
    ("At three in the morning", SHOP),
    ("Dumps, restores, copies", "tests/suite/restore.rs"),
    ("Upgrading", SHOP),
    ("Taking it away", SHOP),
];
const FIRST: &str = "the_first_five_minutes";
const SHOP: &str = "a_shop_from_installing_to_taking_it_away";

#[test]
fn every_block_of_the_readme_is_run_by_a_test() {
    let found: Vec<_> = sections("README.md").into_iter().map(|section| section.title).collect();
    let known: Vec<_> = RUN_BY.iter().map(|(title, _)| *title).collect();
    assert_eq!(found, known, "a section with code that nobody runs, or one that has gone");
    for section in sections("README.md") {
        for Block { language, text } in section.blocks {
            // A picture, and what a subscriber gets, are compared rather than run.
            let known = ["sh", "sql", "json"].contains(&language.as_str()) || section.title.is_empty();
            assert!(known, "{}: nobody knows how to run {language:?}:\n{text}", section.title);
        }
    }
}

#[test]
fn the_readme_lists_every_option_of_a_relay_and_every_setting() {
    let readme = text_of("README.md");
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let options =
        run.get_arguments().filter_map(|option| option.get_long()).map(|long| format!("`--{long}`"));
    let db = installed(shared(), "readme_settings");
    let settings = db.psql(
        "select attname from pg_attribute where attrelid = 'outbox.setting'::regclass and attnum > 0 and attname <> 'one_row'",
    );
    let mut rows: Vec<String> = options.collect();
    rows.extend(settings.lines().map(|setting| format!("`{setting}`")));
    rows.retain(|row| !readme.lines().any(|line| line.starts_with("| ") && line.contains(row.as_str())));
    assert!(rows.is_empty(), "no table of the README has {rows:?}");
    for (link, _) in readme.match_indices("](#") {
        let anchor = readme[link + 3..].split(')').next().unwrap();
        let found = readme
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .any(|title| anchor_of(title) == anchor);
        assert!(found, "#{anchor} leads nowhere");
    }
}

/// As the sites that show the page make them.
fn anchor_of(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Somebody who reads, with a terminal and a database.
struct Reader {
    terminal: Terminal,
    database: String,
    folder: TempDir,
}

impl Reader {
    /// In a new folder, with our binary and psql at hand.
    fn new(psql: &Path, database: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ours = Path::new(env!("CARGO_BIN_EXE_outboxd")).parent().unwrap();
        let terminal = Terminal::open(folder.path(), &[ours, psql.parent().unwrap()], environment);
        Self { terminal, database: database.to_owned(), folder }
    }

    /// Does what a block says, line by line in the shell, or pasted into psql; what it printed.
    #[track_caller]
    fn follows(&mut self, block: &Block) -> String {
        if block.language == "sql" {
            return self.pastes(&block.text);
        }
        assert_eq!(block.language, "sh", "{}", block.text);
        let lines: Vec<_> = block.text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.iter().map(|line| self.types(line)).collect::<Vec<_>>().join("\n")
    }

    /// Types a line; what is to run in the background has begun when this returns.
    #[track_caller]
    fn types(&mut self, line: &str) -> String {
        let mark = self.terminal.mark();
        let printed = self.terminal.types(line, SOON);
        if line.trim_end().ends_with('&') {
            let ready = if line.starts_with("outboxd run") { "running" } else { "listening" };
            self.terminal.waits_for(mark, ready, SOON);
        }
        printed
    }

    /// Runs statements in psql, to the first error.
    #[track_caller]
    fn pastes(&mut self, sql: &str) -> String {
        std::fs::write(self.folder.path().join("pasted.sql"), sql).unwrap();
        let psql = format!("psql -X -q -A -t -v ON_ERROR_STOP=1 -f pasted.sql '{}'", self.database);
        self.terminal.types(&psql, SOON)
    }

    #[track_caller]
    fn waits_until(&mut self, fact: &str) {
        let begun = Instant::now();
        while self.pastes(fact) != "t" {
            assert!(begun.elapsed() < SOON, "not true within {SOON:?}: {fact}");
        }
    }
}

#[test]
fn the_first_five_minutes() {
    let [install, dev] = lines_of(&blocks_of("README.md", "Five minutes on your own tables")[0]);
    let installed = installs(&install);
    let home = tempfile::tempdir().unwrap();
    let (developer, url) = develops(&installed, &dev, home.path());
    let mut reader = Reader::new(&psql(), &url, &[]);
    let blocks = blocks_of("README.md", "Five minutes on your own tables");
    reader.follows(&blocks[1]);
    developer.wait_for_line("Order.Create", SOON);
    developer.wait_for_line("Order.Update", SOON);

    let walk = blocks_of("README.md", "From watch to dead letter");
    let duties = reader.follows(&walk[0]);
    assert!(duties.contains("acme|1|"), "{duties}");
    reader.waits_until("select count(*) = 1 from outbox.dead_letter");
    let failing = reader.follows(&walk[1]);
    assert!(failing.contains("acme|3|") && failing.contains("refused"), "{failing}");
    reader.follows(&walk[2]);
    reader.waits_until(
        "select not exists (select from outbox.delivery) and not exists (select from outbox.dead_letter)",
    );
    let history = reader.pastes(&walk[2].text[walk[2].text.find("select started_at").unwrap()..]);
    assert_eq!(
        history.matches("|acme|").count(),
        5,
        "three failures, who sent it again, a success:\n{history}"
    );
    assert!(history.contains("|acme|0||||sent again by "), "{history}");
    assert!(history.contains("|acme|4|delivered|2"), "{history}");
    assert!(!history.contains("lost"), "{history}");
    expect_the_body(
        &walk[3],
        &reader.pastes("select outbox.body(e) from outbox.event e order by id desc limit 1"),
    );
    developer.signal("INT");
    assert_eq!(developer.wait(SOON), 0);
    reader.terminal.closes(SOON);

    let schema = "create table customer (id integer primary key, name text); create table item (id integer primary key)";
    std::fs::write(home.path().join("schema.sql"), schema).unwrap();
    let [line] = lines_of(&blocks[2]);
    let (developer, url) = develops(&installed, &line, home.path());
    let mut reader = Reader::new(&psql(), &url, &[]);
    reader.pastes("insert into customer values (1, 'Ada'); insert into item values (1)");
    for table in ["Customer.Create", "Item.Create"] {
        developer.wait_for_line(table, SOON);
    }
    developer.signal("INT");
    assert_eq!(developer.wait(SOON), 0);
    reader.terminal.closes(SOON);
}

/// Two JSON texts alike but for the time and the name of the event.
fn expect_the_body(shown: &Block, real: &str) {
    assert_eq!(shown.language, "json");
    let [shown, real] = [shown.text.as_str(), real].map(|text| {
        let mut body: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        for random in ["id", "timestamp"] {
            assert!(body[random].is_string(), "{body}");
            body[random].take();
        }
        body
    });
    assert_eq!(shown, real);
}

#[test]
fn a_shop_from_installing_to_taking_it_away() {
    let house = Cluster::start(&ClusterOptions::default());
    house.admin().psql("create database shop");
    let shop = house.admin().named("shop");
    shop.psql("create table orders (id integer primary key, status text); create table customer (id integer primary key)");
    let port = house.port().to_string();
    // As where Postgres listens on its usual port.
    let mut reader = Reader::new(&house.bin("psql"), &shop.tcp_url(), &[("PGPORT", &port)]);
    certificates(reader.folder.path());

    // The port of the page may be somebody's here.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let installing =
        blocks_of("README.md", "Installing it").into_iter().map(|block| block.replacing("8443", &free));
    let installing: Vec<_> = installing.collect();
    for block in &installing[..2] {
        reader.follows(block);
    }
    let printed = reader.follows(&installing[2]);
    assert!(printed.contains("acme"), "{printed}");
    reader.waits_until("select exists (select from outbox.attempt where outcome = 'delivered')");
    assert!(!printed.contains("problem "), "{printed}");
    let (for_good, run) = installing[3].text.trim_end().rsplit_once('\n').unwrap();
    for line in for_good.lines() {
        reader.types(line);
    }
    reader.types(&format!("{run} --name second &"));
    let capture = [
        "Watching tables",
        "Objects of several tables",
        "What a transaction may say",
        "What would be sent, and why",
        "Sending what is there already",
        "Subscribing",
        "Forms of a POST",
    ];
    let mut printed = String::new();
    for title in capture.into_iter().chain(["What is kept, and for how long", "At three in the morning"]) {
        for block in blocks_of("README.md", title) {
            printed += &reader.follows(&block);
        }
    }
    let seen = "select string_agg(type, ' ' order by id) from outbox.event where object = 'Shipment'";
    assert_eq!(shop.psql(seen), "Shipment.Create Shipment.Update Shipment.Snapshot Shipment.Snapshot");
    assert!(
        printed.contains("Shipment.Update|1|carrier|t|") && printed.contains("Shipment|1|t"),
        "{printed}"
    );
    for block in blocks_of("README.md", "Upgrading") {
        reader.follows(&block);
    }
    reader.types("kill $(jobs -p); wait");
    reader.pastes("delete from outbox.delivery");
    for block in blocks_of("README.md", "Taking it away") {
        let printed = reader.follows(&block);
        assert!(printed.contains("schema outbox is gone"), "{printed}");
    }
    assert_eq!(shop.psql("select count(*) from pg_trigger where not tgisinternal"), "0");
    reader.terminal.closes(SOON);
}

/// The files that the page expects a reader to have.
fn certificates(folder: &Path) {
    let authority = Authority::new("acme");
    let client = authority.client("shop");
    let files =
        [("client.pem", client.cert_pem), ("client.key", client.key_pem), ("acme-ca.pem", authority.pem())];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// Installs the binary as the page says, and returns it. Without what makes a release build long: built as the tests are, it
/// needs few crates that are not built already.
fn installs(line: &str) -> Outboxd {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installed");
    let target = root.join("target");
    if !target.exists() {
        borrow_crates(&target.join("debug"));
    }
    let line = format!("{line} --profile dev");
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_INSTALL_ROOT", &root);
    // Other tests run beside it.
    command.env("CARGO_TARGET_DIR", &target).env("CARGO_BUILD_JOBS", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "$ {line}\n{}", String::from_utf8_lossy(&output.stderr));
    Outboxd::new(&root.join("bin/outboxd"))
}

/// Puts what was built for the tests where cargo looks before it builds. It may as well be missing.
fn borrow_crates(debug: &Path) {
    let built = Path::new(env!("CARGO_BIN_EXE_outboxd")).parent().unwrap();
    std::fs::create_dir_all(debug).unwrap();
    for (folder, how) in [("deps", "-al"), ("build", "-al"), (".fingerprint", "-a")] {
        let copied = Command::new("cp").arg(how).arg(built.join(folder)).arg(debug).status().unwrap();
        assert!(copied.success(), "cp {how} {folder}");
    }
}

/// Starts `outboxd dev` as the page says and returns it with the URL of the psql line that it prints.
fn develops(installed: &Outboxd, line: &str, folder: &Path) -> (RelayProcess, String) {
    let line = line.split('#').next().unwrap();
    let arguments: Vec<_> = line.split_whitespace().skip(1).collect();
    let developer = installed.spawn_in(folder, &arguments, &[]);
    let psql = developer.wait_for_line("psql ", SOON);
    let url = psql
        .split_whitespace()
        .map(|word| word.trim_matches('\''))
        .find(|word| word.starts_with("postgres://"))
        .unwrap_or_else(|| panic!("{psql}"));
    let url = url.to_owned();
    (developer, url)
}

fn psql() -> PathBuf {
    shared().bin("psql")
}

fn lines_of<const N: usize>(block: &Block) -> [String; N] {
    let lines: Vec<_> = block.text.lines().map(str::to_owned).collect();
    lines.try_into().unwrap_or_else(|lines| panic!("{N} lines were expected: {lines:?}"))
}
