//! A schema that was not written for us: shops that rent out films, three objects of several tables each, several clerks at
//! once; and whether each event is what it must be, worked out without the builders. The SQL is in `contrib/examples/rental`.

mod script;
mod verdict;
mod writers;

use std::time::Instant;

use crate::live::Lines;
use crate::stage::{SOON, Stage};

/// Connections that write at the same time.
const WRITERS: usize = 6;

/// The example, in the order it is played, and as whom.
const EXAMPLE: [(&str, &str, &str); 5] = [
    ("postgres", "roles.sql", include_str!("../../examples/rental/roles.sql")),
    ("video_owner", "schema.sql", include_str!("../../examples/rental/schema.sql")),
    ("video_owner", "data.sql", include_str!("../../examples/rental/data.sql")),
    ("video_owner", "objects.sql", include_str!("../../examples/rental/objects.sql")),
    ("postgres", "check/audit.sql", include_str!("../../examples/rental/check/audit.sql")),
];

/// What there is to play with afterwards.
const LINES: Lines = Lines {
    change: &[
        "update video.city set name = 'Springfield' where id = 7;",
        "begin; update video.film set rating = 'R' where id = 2; delete from video.film_actor where film_id = 2; commit;",
        "delete from video.rental where id = 9;",
    ],
    rollback: "begin; update video.country set name = 'Atlantis'; rollback;",
    crowd: None,
};

/// How it is played.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    /// Transactions in all.
    pub(crate) transactions: usize,
    /// Makes the same transactions again; how they meet is not in its hands.
    pub(crate) seed: u64,
    /// SQL that a superuser runs before the first of them, to see that the check notices what it breaks.
    pub(crate) sabotage: Option<String>,
}

pub(crate) fn play(stage: &Stage, play: &Play) -> Result<Lines, String> {
    let database = &stage.database;
    for (role, name, sql) in EXAMPLE {
        println!("$ psql -U {role} -f contrib/examples/rental/{name}");
        database.psql_as(role, sql);
    }
    let secret = stage.subscribe("*", ", concurrency => 64, backoff_base => '100 ms'");
    if let Some(sql) = &play.sabotage {
        database.psql(sql);
    }
    let relay = stage.relay();

    println!("\n{} transactions by {WRITERS} connections at once, seed {} …", play.transactions, play.seed);
    let begin = Instant::now();
    let tally = writers::write(database, WRITERS, play.transactions, play.seed)?;
    let written = begin.elapsed();
    stage.drained(5 * SOON);
    let drained = begin.elapsed();
    relay.signal("TERM");
    let code = relay.wait(SOON);
    stage.relay_is_gone();
    if code != 0 {
        return Err(format!("the relay ended with exit code {code}:\n{}", relay.lines().join("\n")));
    }
    let committed: usize = tally.committed.values().sum();
    for (isolation, n) in &tally.committed {
        line(&format!("committed, {isolation}"), *n);
    }
    line("taken back", tally.taken_back);
    line("refused by a constraint", tally.refused);
    line("played again (40001, 40P01)", tally.repeated);
    let received = verdict::received(stage, &secret)?;
    line("events received", received.len());
    #[allow(clippy::cast_precision_loss, reason = "thousands")]
    let rates = (committed as f64 / written.as_secs_f64(), received.len() as f64 / drained.as_secs_f64());
    println!(
        "{:.0} transactions per second with their events, {:.0} events per second delivered",
        rates.0, rates.1
    );
    verdict::judge(database, &received)?;
    println!("\nEvery event is as it must be, and the subscriber's state of every object equals the tables.");
    Ok(LINES)
}

fn line(what: &str, n: usize) {
    println!("{what:<44} {n:>8}");
}
