//! What goes on in the server during a run: who rings, and what writers wait for. A session of its own, in a thread of its
//! own; the figures of such a run are not used otherwise, since a further listener has its price.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::support::Database;

/// Between two looks at what sessions wait for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Notifications sent by commits of writers.
    pub(crate) rings: usize,
    /// Those sent by relays.
    pub(crate) relay_rings: usize,
    /// What pgbench's sessions waited for, as shares of all looks at all of them, the most frequent first. Those that wait
    /// for pgbench to say something, and those on a CPU or waiting for one, have names of their own.
    pub(crate) waits: Vec<(String, f64)>,
}

pub(crate) struct Observer {
    end: oneshot::Sender<()>,
    thread: JoinHandle<Seen>,
}

impl Observer {
    /// Listens, and returns once it does.
    pub(crate) fn start(database: &Database) -> Self {
        let (end, ended) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let url = database.url();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(observe(&url, ready, ended))
        });
        is_ready.recv().expect("the observer listens");
        Self { end, thread }
    }

    /// Stops; everything that was rung before this call is counted.
    pub(crate) fn stop(self) -> Seen {
        drop(self.end);
        self.thread.join().expect("the observer did not panic")
    }
}

async fn observe(url: &str, ready: std::sync::mpsc::Sender<()>, mut ended: oneshot::Receiver<()>) -> Seen {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.expect("a session");
    let (sender, mut rings) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notice) = message {
                let _ = sender.send(notice.process_id());
            }
        }
    });
    client.batch_execute("listen outbox").await.expect("it listens");
    let _ = ready.send(());
    let (mut relays, mut waits, mut looks) = (HashSet::new(), HashMap::<String, usize>::new(), 0);
    loop {
        for (pid, relay, wait) in look(&client).await {
            if relay {
                relays.insert(pid);
            } else {
                *waits.entry(wait).or_default() += 1;
                looks += 1;
            }
        }
        tokio::select! {
            _ = &mut ended => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    // Whatever was sent before this round trip is here after it.
    client.batch_execute("select 1").await.expect("the session is open");
    let mut seen = Seen::default();
    while let Ok(pid) = rings.try_recv() {
        *(if relays.contains(&pid) { &mut seen.relay_rings } else { &mut seen.rings }) += 1;
    }
    seen.waits = waits.into_iter().map(|(wait, n)| (wait, n as f64 / f64::from(looks.max(1)))).collect();
    seen.waits.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    seen
}

/// Process, whether it is a relay's, and what it waits for, of every session of pgbench and relays.
async fn look(client: &Client) -> Vec<(i32, bool, String)> {
    let rows = client
        .query(
            "select pid, application_name like 'outboxd %', case when wait_event is null then 'CPU' \
                 when wait_event = 'ClientRead' then 'pgbench' else concat_ws(':', wait_event_type, wait_event) end \
             from pg_stat_activity where application_name = 'pgbench' or application_name like 'outboxd %'",
            &[],
        )
        .await
        .expect("sessions can be looked at");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}
