//! The scenarios of contrib/examples, as `./contrib/demo --scenario` plays them; and that it notices what is not as it should be.

#[path = "../../contrib/workloads/scenario/compare.rs"]
mod compare;
#[path = "../../contrib/workloads/scenario/steps.rs"]
mod steps;

use std::process::Command;
use std::time::{Instant, SystemTime};

use compare::{Arrived, Known, check};
use steps::{Answer, Step, parse};

use crate::demo::demo;
use crate::demo_open::Demo;
use crate::source::text_of;
use crate::support::Request;

/// Exit code, and both outputs as one.
fn play(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(demo())
        .args(["--once", "--outboxd", env!("CARGO_BIN_EXE_outboxd")])
        .args(arguments)
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn steps_of(scenario: &str) -> Vec<Step> {
    parse(&text_of(&format!("contrib/examples/{scenario}/steps.sql"))).unwrap()
}

/// How many requests each step asks for; `None` where it asks for an error.
fn counts(steps: &[Step]) -> Vec<Option<usize>> {
    steps.iter().map(|step| step.error.is_none().then_some(step.requests.len())).collect()
}

#[test]
fn milmove_sends_exactly_what_it_should() {
    let steps = steps_of("milmove");
    let refused = 8;
    let wanted = [1, 0, 1, 0, 2, 1, 0, 1, 0, 3, 1, 1, 0, 2, 0];
    let wanted = wanted.iter().enumerate().map(|(at, n)| (at != refused).then_some(*n));
    assert_eq!(counts(&steps), wanted.collect::<Vec<_>>());
    let (code, said) = play(&["--scenario", "milmove"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Exactly the expected requests arrived: 13 in 15 steps, byte for byte"), "{said}");
    // What is played is what the file says.
    for step in &steps {
        assert!(said.contains(&format!("-- {}", step.title)), "{} in {said}", step.title);
        let typed: Vec<_> = step.sql.lines().collect();
        assert!(typed.iter().all(|line| said.contains(&format!("> {line}"))), "{typed:?} in {said}");
    }
}

#[test]
fn ctp_sends_exactly_what_it_should() {
    let steps = steps_of("ctp");
    assert_eq!(counts(&steps), [2, 3, 2, 2, 4, 1, 5, 3].map(Some));
    let fails = |step: &Step| {
        step.requests.iter().filter(|request| request.answer == Answer::Says(503, None)).count()
    };
    assert_eq!(steps.iter().map(fails).collect::<Vec<_>>(), [0, 0, 0, 0, 3, 0, 0, 0]);
    let (code, said) = play(&["--scenario", "ctp"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Exactly the expected requests arrived: 22 in 8 steps, byte for byte"), "{said}");
}

#[test]
fn ads_sends_exactly_what_it_should() {
    let steps = steps_of("ads");
    assert_eq!(counts(&steps), [3, 1, 1, 2, 1, 5, 4, 0, 5, 4].map(Some));
    let (code, said) = play(&["--scenario", "ads"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Exactly the expected requests arrived: 26 in 10 steps, byte for byte"), "{said}");
}

#[test]
fn webpush_sends_exactly_what_it_should() {
    let steps = steps_of("webpush");
    assert_eq!(counts(&steps), [2, 1, 2, 2, 1, 0].map(Some));
    let (code, said) = play(&["--scenario", "webpush"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Exactly the expected requests arrived: 8 in 6 steps, byte for byte"), "{said}");
}

#[test]
fn a_scenario_stays_open_to_play_with() {
    let mut demo = Demo::start_with(&["--scenario", "ctp"]);
    demo.psql(&["insert into customer_account values ('guid-2', 'Grace', 'Hopper', 'grace@example.com')"]);
    let post = "CustomerAccount.Create guid-2 to";
    demo.wait_for_post(&format!("{post} Customer Central"), "attempt 1, id ");
    demo.wait_for_post(&format!("{post} Servco"), "attempt 1, id ");
    demo.key("s");
    demo.wait("the subscriber is stopped");
    demo.psql(&["update vehicle_subscription set status = 'STOLEN'"]);
    demo.wait("attempt 1 failed");
    demo.wait("Connection refused");
    demo.key("q");
    assert_eq!(demo.process.wait(std::time::Duration::from_mins(1)), 0);
}

#[test]
fn a_wrong_expectation_ends_it_with_the_first_difference() {
    let steps = text_of("contrib/examples/ctp/steps.sql");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steps.sql");
    let expect = |steps: &str, differences: &[&str]| {
        std::fs::write(&path, steps).unwrap();
        let (code, said) = play(&["--scenario", "ctp", "--steps", path.to_str().unwrap()]);
        assert_eq!(code, Some(1), "{said}");
        let end = said.split("NOT AS EXPECTED: ").nth(1).unwrap_or_else(|| panic!("{said}"));
        for difference in differences {
            assert!(end.contains(difference), "{difference:?} in {said}");
        }
    };
    let (first, _) = steps.split_once("-- 2. ").unwrap();
    let byron = first.replace("\"lastName\":\"Lovelace\"", "\"lastName\":\"Byron\"");
    expect(&byron, &["step 1. An account is created", "should be …", "\"lastName\":\"Byron\""]);
    let (without_servco, _) = first.split_once("--> SERVCO_SYNC_URI").unwrap();
    expect(without_servco, &["extra: SERVCO_SYNC_URI POST /servco {\"eventType\":\"CustomerCreate\""]);
    expect("-- 1. Wrong\nselect 1/0;\n--> error 22003 zero\n", &["should fail with 22003 zero", "22012"]);
    expect("-- 1. Wrong\nselect 1/0;\n--> nothing\n", &["psql failed", "22012"]);
    expect("-- 1. Wrong\nselect 1;\n--> error 22012 zero\n", &["error 22012 zero is missing"]);
    expect("-- 1. Wrong\nselect 1;\n--> row 2\n", &["should print [\"2\"], prints [\"1\"]"]);
}

#[test]
fn a_request_that_does_not_get_through_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steps.sql");
    // The Prime's receiver trusts another authority than the audit partner's.
    let steps = "-- 1. The wrong client certificate\n\
        update outbox.subscription set identity = 'audit' where pattern = 'PaymentRequest.Update';\n\
        update payment_requests set status = 'PAID';\n--> nothing\n";
    std::fs::write(&path, steps).unwrap();
    let (code, said) = play(&["--scenario", "milmove", "--steps", path.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    let difference =
        "step 1. The wrong client certificate: a request did not get through, to Prime McPrime Contractor: ";
    assert!(said.contains(difference), "{said}");
}

/// A request as it should be, to `there`.
fn request() -> Request {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Request {
        method: "POST".to_owned(),
        version: "HTTP/1.1".to_owned(),
        path: "/x".to_owned(),
        headers: vec![
            header("host", "localhost:1"),
            header("user-agent", "outboxd/1"),
            header("accept", "*/*"),
            header("content-type", "application/json"),
            header("content-length", "17"),
            header("webhook-id", "u_k"),
            header("webhook-timestamp", "1"),
            header("webhook-signature", "s"),
            header("outbox-attempt", "1"),
            header("x-a", "b"),
        ],
        body: "{\"a\":1,\"id\":\"u\"}".into(),
        peer_common_name: Some("us".to_owned()),
        tls_version: None,
        connection: 1,
        arrived: Instant::now(),
        arrived_at: SystemTime::now(),
    }
}

fn arrived(change: impl FnOnce(&mut Request)) -> Arrived<'static> {
    let mut request = request();
    change(&mut request);
    // Unless that is what differs.
    let length = request.body.len().to_string();
    if request.header("content-length") == Some("17") {
        set(&mut request, "content-length", &length);
    }
    Arrived { receiver: "there", common_name: "us", authority: "localhost:1".to_owned(), request }
}

fn set(request: &mut Request, name: &str, value: &str) {
    request.headers.retain(|(known, _)| known != name);
    request.headers.push((name.to_owned(), value.to_owned()));
}

fn steps(expectations: &str) -> Vec<Step> {
    parse(&format!("-- 1. One\nselect 1;\n{expectations}\n")).unwrap()
}

/// What is said of these requests, where one is wanted.
fn said_of(requests: &[Arrived<'_>]) -> String {
    let one = steps("--> there POST /x\n-->   x-a: b\n-->   {\"a\":1\n-->     ,\"id\":\"<event>\"}");
    check(&one[0].requests, requests, &mut Known::default()).err().unwrap_or_default()
}

#[test]
fn every_difference_is_noticed() {
    assert_eq!(said_of(&[arrived(|_| {})]), "");
    let differs = |change: fn(&mut Request), difference: &str| {
        let said = said_of(&[arrived(change)]);
        assert!(said.contains(difference), "{difference:?} in {said:?}");
    };
    assert_eq!(said_of(&[]), "missing: there POST /x");
    assert!(said_of(&[arrived(|_| {}), arrived(|_| {})]).starts_with("extra: there POST /x {\"a\":1"));
    differs(|r| r.method = "PUT".to_owned(), "should be POST /x, is PUT /x");
    differs(|r| r.path = "/y".to_owned(), "should be POST /x, is POST /y");
    differs(|r| r.body = "{\"a\":2,\"id\":\"u\"}".into(), "at character 5:");
    differs(|r| r.body = "{\"a\":1, \"id\":\"u\"}".into(), "at character 7:");
    differs(|r| r.body = "{\"a\":1,\"id\":\"u\"} ".into(), "at character 16:");
    differs(|r| r.body = "{\"a\":1,\"id\":\"\"}".into(), "its body parts");
    differs(|r| r.body = b"\xff".to_vec().into(), "its body is not text");
    differs(|r| r.headers.retain(|(name, _)| name != "x-a"), "header x-a is missing");
    differs(|r| set(r, "x-a", "c"), "header x-a should be b, is c");
    differs(|r| set(r, "x-b", "c"), "header x-b should not be there, is c");
    differs(|r| set(r, "host", "elsewhere"), "header host should be localhost:1, is elsewhere");
    differs(|r| set(r, "accept", "text/plain"), "header accept should be");
    differs(|r| set(r, "content-type", "text/plain"), "header content-type should be application/json");
    differs(|r| set(r, "content-length", "9"), "header content-length should be 16, is 9");
    differs(|r| set(r, "outbox-attempt", "2"), "header outbox-attempt should be 1, is 2");
    differs(|r| set(r, "user-agent", "curl"), "header user-agent should begin with outboxd/");
    differs(|r| r.peer_common_name = None, "the client certificate should be us, is none");
    differs(|r| r.peer_common_name = Some("you".to_owned()), "the client certificate should be us, is you");
    let elsewhere = Arrived { receiver: "elsewhere", ..arrived(|_| {}) };
    assert_eq!(said_of(&[elsewhere]), "missing: there POST /x");
}

#[test]
fn what_differs_from_run_to_run_is_compared_with_itself() {
    let two = |first: &str, second: &str| {
        let named = |id: &str| {
            format!(
                "--> there POST /x\n-->   webhook-id: <{id}>\n-->   x-a: b\n-->   {{\"a\":1,\"id\":\"u\"}}"
            )
        };
        let wanted = steps(&format!("{}\n{}", named(first), named(second)));
        move |ids: [&str; 2], attempts: [&str; 2]| {
            let requests = [0, 1].map(|n| {
                arrived(|request| {
                    set(request, "webhook-id", ids[n]);
                    set(request, "outbox-attempt", attempts[n]);
                })
            });
            check(&wanted[0].requests, &requests, &mut Known::default()).is_ok()
        }
    };
    let same = two("one", "one");
    assert!(same(["i", "i"], ["1", "2"]));
    assert!(!same(["i", "i"], ["1", "1"]));
    assert!(!same(["i", "j"], ["1", "1"]));
    let others = two("one", "two");
    assert!(others(["i", "j"], ["1", "1"]));
    assert!(!others(["i", "i"], ["1", "2"]));
    // Unless a step says so, a webhook arrives once.
    let mut known = Known::default();
    let one = steps("--> there POST /x\n-->   x-a: b\n-->   {\"a\":1,\"id\":\"u\"}");
    assert_eq!(check(&one[0].requests, &[arrived(|_| {})], &mut known), Ok(()));
    let again = [arrived(|request| set(request, "outbox-attempt", "2"))];
    assert_eq!(
        check(&one[0].requests, &again, &mut known),
        Err("there: webhook u_k has arrived before".to_owned())
    );
}

#[test]
fn a_file_of_steps_that_says_nothing_clear_is_refused() {
    for (text, why) in [
        ("select 1;\n", "there are no steps"),
        ("-- 1. One\nselect 1;\n", "nothing is said of what must come of step 1. One"),
        ("-- 2. Two\nselect 1;\n--> nothing\n", "numbered 1, 2, 3"),
        ("-- 1. One\nselect 1;\n--> nothing\nselect 2;\n", "SQL belongs above"),
        ("-- 1. One\nselect 1;\n--> nothing\n--> here POST /\n", "nothing and something"),
        ("-- 1. One\nselect 1;\n--> here POST /\n--> nothing\n", "nothing and something"),
        ("-- 1. One\nselect 1;\n-->   x-a: b\n", "no request stands above"),
        ("-- 1. One\nselect 1;\n--> here POST /\n-->   x-a\n", "neither a header nor a body"),
        ("-- 1. One\nselect 1;\n--> here POST / answers no\n", "no is not a status"),
        ("-- 1. One\nselect 1;\n--> here POST / says 503\n", "what does it answer?"),
        ("-- 1. One\nselect 1;\n--> something\n", "neither nothing, error, row, unsent, until nor a request"),
    ] {
        let said = parse(text).unwrap_err();
        assert!(said.contains(why), "{why:?} in {said:?}");
    }
}
