//! Endpoints by name: one set of SQL, and a relay that knows where that leads.

use std::fs;

use outboxd::delivery::url_problem;
use serde_json::{Value, json};

use crate::check::found;
use crate::installing::installed;
use crate::stage::{SOON, Stage, outboxd, text};
use crate::support::{Receiver, ReceiverOptions, shared};

/// Pings a subscription and waits for what came of it.
fn tried(stage: &Stage, subscription: i64) -> Value {
    let before = stage.count("outbox.attempt");
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    stage.wait_for_attempts(before + 1).pop().unwrap()
}

#[test]
fn a_name_leads_where_the_relay_s_file_and_environment_say() {
    let stage = Stage::new("named");
    let other = Receiver::start(&ReceiverOptions::mutual(
        stage.authority.server(&crate::stage::LOCAL),
        &stage.authority.pem(),
    ));
    let plain = Receiver::start(&ReceiverOptions::plain());
    let file = stage.identities().parent().unwrap().join(format!("{}.endpoints", stage.db.name()));
    let (base, nobody) = (stage.receiver.url("/base/"), plain.url("/"));
    fs::write(&file, format!("# here\nSYNC={base}\nPLAIN={nobody}\nBOTH={nobody}\n")).unwrap();
    let sync = stage.subscribe_url("endpoint:SYNC/hooks?token=x", "max_attempts => 1");
    let both = stage.subscribe_url("endpoint:BOTH", "max_attempts => 1");
    let http = stage.subscribe_url("endpoint:PLAIN/p", "max_attempts => 1");
    let lost = stage.subscribe_url("endpoint:LOST", "max_attempts => 1");
    let (url, path, over) = (stage.db.url(), file.to_str().unwrap(), other.url("/over"));
    let identities = stage.identities().to_str().unwrap();
    let run =
        ["run", "--database-url", &url, "--identities", identities, "--endpoints", path, "--poll-ms", "20"];
    let relay = outboxd().spawn(&run, &[("OUTBOXD_ENDPOINT_BOTH", &over)]);

    assert_eq!(text(&tried(&stage, sync), "class"), "delivered");
    assert_eq!(stage.receiver.requests().pop().unwrap().path, "/base/hooks?token=x");
    assert_eq!(text(&tried(&stage, both), "class"), "delivered");
    assert_eq!(other.requests().pop().unwrap().path, "/over", "the environment is heard first");
    let row = tried(&stage, lost);
    assert_eq!((text(&row, "class"), text(&row, "error_class")), ("not_sent", "subscription"), "{row}");
    let way_out = "endpoint \"LOST\" is not known to this relay, which knows BOTH, PLAIN, SYNC: put LOST=URL into its \
                   --endpoints file and send it SIGHUP, or start it with OUTBOXD_ENDPOINT_LOST=URL";
    assert_eq!(text(&row, "error"), way_out);
    let row = tried(&stage, http);
    assert!(text(&row, "error").contains("or for trials set outbox.setting.http_allowed"), "{row}");
    stage.db.psql("update outbox.setting set http_allowed = true");
    assert_eq!(
        text(&tried(&stage, http), "class"),
        "delivered",
        "the setting is heard without a new version"
    );
    assert_eq!(plain.count(), 1);

    // A file that is bad changes nothing; a good one all that is under way next.
    fs::write(&file, "SYNC=https://elsewhere.example/\nLOST=ftp://lost.example/secret\nnothing\n").unwrap();
    relay.signal("HUP");
    let line = relay.wait_for_line("the URL of LOST cannot be used: its scheme is not https", SOON);
    assert!(line.contains("endpoints stay as they were") && !line.contains("secret"), "{line}");
    relay.wait_for_line("line 3: it must be NAME=URL", SOON);
    assert_eq!(text(&tried(&stage, sync), "class"), "delivered");
    fs::write(&file, format!("SYNC={}\nLOST={0}\n", other.url("/new"))).unwrap();
    relay.signal("HUP");
    relay.wait_for_line("were read again", SOON);
    for id in [sync, lost] {
        assert_eq!(text(&tried(&stage, id), "class"), "delivered");
    }
    let paths: Vec<_> = other.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/over", "/new/hooks?token=x", "/new"]);
    assert_eq!(text(&tried(&stage, http), "error_class"), "subscription", "it is in the file no more");

    // The name is what views show.
    let shown =
        stage.db.psql("select string_agg(endpoint, ' ' order by subscription) from outbox.destination");
    assert_eq!(shown, "endpoint:SYNC/hooks endpoint:BOTH endpoint:PLAIN/p endpoint:LOST");
    let status = outboxd().run(&["status", "--json"], &[("DATABASE_URL", &url)]).stdout;
    assert!(status.contains("endpoint:PLAIN/p"), "{status}");
    fs::remove_file(&file).unwrap();
}

#[test]
fn check_tells_names_that_lead_nowhere_here() {
    let stage = Stage::new("named_check");
    stage.db.psql("select outbox.report_relay('r', 'h', 1, '0.1.0', 'kept')");
    stage.subscribe_url("endpoint:SYNC/hooks?token=x", "");
    stage.subscribe_url("endpoint:LOST", "");
    stage.subscribe_url("endpoint:LOST/again", "");
    let (url, identities) = (stage.db.url(), stage.identities().to_str().unwrap());
    let arguments = ["--handshake", "--identities", identities];
    let all = found(&url, &arguments);
    let told: Vec<_> =
        all.iter().map(|(kind, what, _)| (kind.as_str(), &what[..what.len().min(75)])).collect();
    let lost = "subscription 2 and 1 more: endpoint \"LOST\" is not known to this relay, which ";
    assert_eq!(told.len(), 2, "{all:?}");
    assert!(told.iter().all(|(kind, _)| *kind == "problem subscriptions"), "{told:?}");
    assert!(told.iter().any(|(_, what)| lost.starts_with(what)), "{told:?}");
    let file = stage.identities().parent().unwrap().join(format!("{}.endpoints", stage.db.name()));
    fs::write(&file, format!("SYNC={}\nLOST={0}\n", stage.receiver.url("/"))).unwrap();
    let further = [&arguments[..], &["--endpoints", file.to_str().unwrap()]].concat();
    assert_eq!(found(&url, &further), []);
    let environment = [("DATABASE_URL", url.as_str()), ("COLUMNS", "500")];
    let report = outboxd().run(&[&["check"], &further[..]].concat(), &environment).stdout;
    assert!(report.contains("endpoints known here by name: LOST, SYNC"), "{report}");
    let server = format!("acme at {} (endpoint:", stage.receiver.url(""));
    assert!(report.contains(&server) && !report.contains("token"), "{report}");
    fs::remove_file(&file).unwrap();
    let output = outboxd().run(&[&["run", "--once"], &further[1..]].concat(), &[("DATABASE_URL", &url)]);
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.contains("--endpoints") && output.stderr.contains("it cannot be read"),
        "{output:?}"
    );
}

/// Good ones and bad ones.
const URLS: &[&str] = &[
    "",
    "x",
    "https://",
    "https:///a",
    "https://h",
    "http://h/",
    "HTTPS://h/",
    "ftp://h/",
    "https//h",
    "//h/",
    "1ttps://h/",
    "a b://h",
    "https://h /",
    "https://h/\u{1}",
    "https://h\u{fc}/",
    "https://h/<",
    "https://h/{a}",
    "https://h/a\\b",
    "https://h/#a",
    "https://h/a|b",
    "https://u@h/",
    "https://u:p@h/",
    "https://h/@",
    "https://h:0/",
    "https://h:65535/",
    "https://h:65536/",
    "https://h:/",
    "https://h:x/",
    "https://h:123456/",
    "https://h:1:2/",
    "https://h./",
    "https://-h/",
    "https://h-/",
    "https://h_a.b/",
    "https://h..b/",
    "https://.h/",
    "https://[::1]/",
    "https://[::1]:443/",
    "https://[::1]x/",
    "https://[::1/",
    "https://[1]/",
    "https://[::1%25eth0]/",
    "https://[::g]/",
    "https://[1::2::3]/",
    "https://[::ffff:1.2.3.4]/",
    "https://[]/",
    "https://1.2.3.4/",
    "https://1.2.3/",
    "https://1.2.3.4.5/",
    "https://256.1.1.1/",
    "https://01.2.3.4/",
    "https://1.2.3.0004/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0/",
    "https://1.2.3.x/",
    "https://0x/",
    "https://0xg/",
    "https://1a/",
    "https://h?x=1",
    "https://h/?x=1/2",
    "https://xn--bcher-kva.example/",
    "https://h:443",
    "https://?x",
    "https://:1/",
];

/// What the database refuses when a URL is registered is what the relay refuses when it reads one from its file.
#[test]
fn the_rules_for_urls_are_the_same_in_sql_and_in_the_relay() {
    let db = installed(shared(), "url_rules");
    db.psql(
        "create function url_problem(url text, http boolean) returns text language plpgsql as $$
         begin
             perform outbox.check_url(url, http);
             return null;
         exception when sqlstate 'OX006' then
             return regexp_replace(sqlerrm, '^this URL cannot be subscribed( \\(host .*?\\))?: ', '');
         end $$",
    );
    let mut urls: Vec<String> = URLS.iter().map(|url| (*url).to_owned()).collect();
    urls.extend([2048, 2049].map(|length| format!("https://h/{}", "x".repeat(length - "https://h/".len()))));
    let list = serde_json::to_string(&urls).unwrap().replace('\'', "''");
    for http in [true, false] {
        let answers = db.psql(&format!(
            "select json_agg(url_problem(u.url, {http}) order by u.n) \
             from jsonb_array_elements_text('{list}') with ordinality as u (url, n)"
        ));
        let answers: Vec<Option<String>> = serde_json::from_str(&answers).unwrap();
        for (url, answer) in urls.iter().zip(answers) {
            assert_eq!(url_problem(url, http), answer.as_deref(), "{url:?}, http {http}");
        }
    }
}

#[test]
fn names_that_are_none_are_refused_when_they_are_registered() {
    let db = installed(shared(), "named_register");
    let long = "n".repeat(101);
    for (url, problem) in [
        ("endpoint:", "must be followed by a name"),
        ("endpoint:a b", "white space"),
        ("endpoint:a:1", "must be followed by a name"),
        ("endpoint:a@b", "must be followed by a name"),
        ("endpoint://a/", "must be followed by a name"),
        ("endpoint:a#b", "must be followed by a name"),
        ("endpoint:a/#b", "it has a fragment"),
        ("endpoint:a/<", "must be percent-encoded"),
        ("ENDPOINT:a", "it is not absolute"),
        (&format!("endpoint:{long}"), "must be followed by a name"),
    ] {
        let refused = db.try_psql(&format!("select outbox.subscribe('a', '*', '{url}')")).unwrap_err();
        assert!(refused.message.contains(problem), "{url}: {refused:?}");
    }
    for url in ["endpoint:a", "endpoint:SERVCO_SYNC-URI.2", "endpoint:a/b/c?d=e", "endpoint:a?b"] {
        db.psql(&format!("select outbox.subscribe('a', '*', '{url}')"));
    }
    let shown = db.psql("select json_agg(endpoint order by subscription) from outbox.destination");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown, json!(["endpoint:a", "endpoint:SERVCO_SYNC-URI.2", "endpoint:a/b/c", "endpoint:a"]));
}
