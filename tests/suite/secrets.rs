//! Secrets by reference: how they get into requests, how they change, and that they get nowhere else.

use std::fs;
use std::os::unix::fs::symlink;

use crate::ops_client::Ops;
use crate::stage::{HASTY, LOCAL, SOON, Stage, outboxd, text};
use crate::support::{Receiver, ReceiverOptions, RelayProcess, Reply, Request, TlsOptions, write_identity};

fn auth(json: &str) -> String {
    format!("auth => '{json}', {HASTY}")
}

fn relay(stage: &Stage, further: &[&str], environment: &[(&str, &str)]) -> RelayProcess {
    let (url, identities) = (stage.db.url(), stage.identities().to_str().unwrap());
    let arguments = ["run", "--database-url", &url, "--identities", identities, "--poll-ms", "20"];
    outboxd().spawn(&[&arguments[..], further].concat(), environment)
}

#[test]
fn each_kind_is_in_its_header_and_a_change_of_the_file_is_enough() {
    let stage = Stage::new("auth");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    file("acme-token", "first\n");
    for (path, json) in [
        ("/bearer", r#"{"type": "bearer", "secret": "acme-token"}"#),
        ("/basic", r#"{"type": "basic", "username": "Aladdin", "secret": "password"}"#),
        ("/header", r#"{"type": "header", "name": "X-Api-Key", "secret": "acme-token"}"#),
        ("/missing", r#"{"type": "bearer", "secret": "later.on"}"#),
    ] {
        stage.subscribe_url(&stage.receiver.url(path), &format!("max_attempts => 1000, {}", auth(json)));
    }
    let secrets = folder.path().to_str().unwrap();
    let further = ["--secrets", secrets, "--reload-ms", "20"];
    let relay = relay(&stage, &further, &[("OUTBOXD_SECRET_PASSWORD", "open sesame")]);
    stage.emit(1);
    let line = relay.wait_for_line("secret \"later.on\" is not known to this relay", SOON);
    assert!(line.contains("OUTBOXD_SECRET_LATER_ON") && line.contains("--secrets folder"), "{line}");
    file("acme-token", "second\n");
    file("later.on", "here now");
    stage.wait_until_drained();
    stage.emit(1);
    stage.wait_until_drained();
    let got = |path: &str, header: &str| -> Vec<String> {
        let to = |request: &Request| request.path == path;
        let requests = stage.receiver.requests();
        requests
            .iter()
            .filter(|request| to(request))
            .map(|request| request.header(header).unwrap().to_owned())
            .collect()
    };
    assert_eq!(got("/bearer", "authorization"), ["Bearer first", "Bearer second"]);
    // The example of RFC 7617, section 2.
    assert_eq!(got("/basic", "authorization"), ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="; 2]);
    assert_eq!(got("/header", "x-api-key"), ["first", "second"]);
    assert_eq!(got("/missing", "authorization"), ["Bearer here now"; 2]);
    let unknown = stage.attempts().into_iter().find(|row| row["class"] == "not_sent").unwrap();
    assert_eq!(text(&unknown, "error_class"), "subscription");
}

#[test]
fn changed_files_are_read_without_a_signal_and_what_is_half_written_is_told_once() {
    let stage = Stage::new("watched_files");
    stage.subscribe("");
    let relay = relay(&stage, &["--reload-ms", "20", "--ops-listen", "0"], &[]);
    let ops = Ops::of(&relay);
    let failed = "outboxd_reloads_total{result=\"failed\"}";
    let ok = "outboxd_reloads_total{result=\"ok\"}";
    let emit = || {
        stage.emit(1);
        stage.wait_until_drained();
    };
    emit();
    // As Kubernetes does it: the files are links through one link, which is swapped.
    let home = stage.identities();
    let ca = stage.authority.pem();
    write_identity(home, ".v2", Some(&stage.authority.client("renewed")), Some(&ca));
    symlink(".v2", home.join(".data")).unwrap();
    fs::create_dir(home.join(".new")).unwrap();
    for file in ["tls.crt", "tls.key", "ca.crt"] {
        symlink(format!("../.data/{file}"), home.join(".new").join(file)).unwrap();
    }
    fs::rename(home.join("default"), home.join(".old")).unwrap();
    fs::rename(home.join(".new"), home.join("default")).unwrap();
    ops.wait_for_metrics(|seen| seen.get(ok) >= Some(1.0));
    emit();
    let reloads = ops.metrics().count(ok);
    write_identity(home, ".v3", Some(&stage.authority.client("swapped")), Some(&ca));
    symlink(".v3", home.join(".next")).unwrap();
    fs::rename(home.join(".next"), home.join(".data")).unwrap();
    ops.wait_for_metrics(|seen| seen.count(ok) > reloads);
    emit();
    // The key of another one beside it: refused, and said once however often it is looked at.
    // Renamed, since a file that is being written is another thing to tell.
    fs::write(home.join(".half"), stage.authority.client("half").cert_pem).unwrap();
    fs::rename(home.join(".half"), home.join(".v3/tls.crt")).unwrap();
    relay.wait_for_line("nothing was reloaded: the key in", SOON);
    for _ in 0..5 {
        emit();
    }
    assert_eq!(ops.metrics().count(failed), 1);
    assert_eq!(relay.lines().iter().filter(|line| line.contains("nothing was reloaded")).count(), 1);
    let pair = stage.authority.client("mended");
    fs::write(home.join(".v3/tls.key"), &pair.key_pem).unwrap();
    fs::write(home.join(".v3/tls.crt"), &pair.cert_pem).unwrap();
    let reloads = ops.metrics().count(ok);
    ops.wait_for_metrics(|seen| {
        seen.count(ok) > reloads || seen.get("outboxd_last_reload_successful") == Some(1.0)
    });
    emit();
    let names: Vec<_> =
        stage.receiver.requests().into_iter().map(|request| request.peer_common_name.unwrap()).collect();
    assert_eq!(
        names,
        ["relay", "renewed", "swapped", "swapped", "swapped", "swapped", "swapped", "swapped", "mended"]
    );
}

/// Each is told apart from all the others, and none is a word that stands elsewhere.
const MARKERS: [(&str, &str); 6] = [
    ("bearer", "marker-bearer-token/with+signs=="),
    ("password", "marker-basic-password"),
    ("client", "marker-client-secret"),
    ("key", "marker-api-key \"quoted\""),
    ("signing", "whsec_bWFya2VyLXNpZ25pbmctc2VjcmV0LW1hcmtlci1tYXJr"),
    ("token", "marker-access-token"),
];
const PAYLOAD: &str = "marker-payload";

/// Repeats the request as JSON, as a form, and as it is, many times over, and cut off.
fn echo(request: &Request) -> String {
    let values: Vec<&str> = request.headers.iter().map(|(_, value)| value.as_str()).collect();
    let json = serde_json::to_string(&request.headers).unwrap();
    let form: String =
        values.iter().flat_map(|v| url::form_urlencoded::byte_serialize(v.as_bytes())).collect();
    let secret = values.iter().find(|value| value.contains("marker")).unwrap_or(&"");
    format!("{values:?} {json} {} {form} {}", json.replace('/', "\\/"), secret.repeat(200))
}

/// Subscriptions with auth of every kind, to the stage's receiver and to nobody; the secrets, and where tokens come from.
fn subscribe_in_every_way(stage: &Stage) -> (tempfile::TempDir, Receiver) {
    let folder = tempfile::tempdir().unwrap();
    for (name, secret) in &MARKERS[..5] {
        fs::write(folder.path().join(name), secret).unwrap();
    }
    let options = ReceiverOptions::mutual(stage.authority.server(&LOCAL), &stage.authority.pem());
    let endpoint = Receiver::start(&options);
    endpoint.reply(Reply::status(200).body(format!(r#"{{"access_token": "{}"}}"#, MARKERS[5].1)));
    let oauth = |path: &str| {
        format!(
            r#"{{"type": "oauth2", "token_url": "{}", "client_id": "us", "secret": "client"}}"#,
            endpoint.url(path)
        )
    };
    for (path, json) in [
        ("/bearer", r#"{"type": "bearer", "secret": "bearer"}"#.to_owned()),
        ("/basic", r#"{"type": "basic", "username": "us", "secret": "password"}"#.to_owned()),
        ("/header", r#"{"type": "header", "name": "X-Api-Key", "secret": "key"}"#.to_owned()),
        ("/oauth", oauth("/token")),
    ] {
        let settings = format!("max_attempts => 4, secret => 'ref:signing', {}", auth(&json));
        stage.subscribe_url(&stage.receiver.url(path), &settings);
        stage.subscribe_url(
            "https://localhost:9/",
            &format!("max_attempts => 2, object_id => '{}', {}", path.len(), auth(&json)),
        );
    }
    (folder, endpoint)
}

#[test]
fn secrets_of_the_relay_turn_up_in_no_log_no_table_and_no_session() {
    let stage = Stage::new("no_secrets");
    let (folder, _endpoint) = subscribe_in_every_way(&stage);
    stage.receiver.reply_with(|request, nth| match nth % 4 {
        1 => Reply::status(401).body(echo(request)),
        2 => Reply::close(),
        3 => Reply::status(200).body(echo(request)),
        _ => Reply::status(500).body(echo(request)),
    });
    let secrets = folder.path().to_str().unwrap();
    let relay = relay(&stage, &["--secrets", secrets, "--log", "trace", "--ops-listen", "0"], &[]);
    let ops = Ops::of(&relay);
    stage
        .db
        .psql(&format!("insert into orders (id, note) select i, '{PAYLOAD}' from generate_series(5, 8) i"));
    stage.wait_until_drained();
    let reader = format!("{}_reader", stage.db.name());
    stage.db.psql(&format!("create role {reader} login in role outbox_reader, pg_monitor"));
    let sessions = stage.db.psql_as(&reader, "select string_agg(query, E'\\n') from pg_stat_activity");
    let metrics = ops.get("/metrics").body;
    relay.signal("TERM");
    relay.wait(SOON);

    let requests = stage.receiver.requests();
    for (name, marker) in [MARKERS[0], MARKERS[3], MARKERS[5]] {
        let sent =
            requests.iter().any(|request| request.headers.iter().any(|(_, value)| value.contains(marker)));
        assert!(sent, "{name} was sent");
    }
    assert!(
        stage.count("outbox.attempt where response like '%[secret]%'") > 4,
        "answers are kept without them"
    );
    let log = relay.lines().join("\n");
    assert!(log.contains("TRACE") && log.contains("dead: "), "at trace level");
    let tables = readable(&stage, &reader);
    assert!(tables.contains("delivery_history ") && tables.contains("subscription {"), "{tables}");
    let encoded = [
        "dXM6bWFya2VyLWJhc2ljLXBhc3N3b3Jk",
        "dXM6bWFya2VyLWNsaWVudC1zZWNyZXQ",
        "marker-api-key",
        "bWFya2VyLXNpZ25p",
    ];
    let markers =
        MARKERS.iter().map(|(_, marker)| *marker).chain(encoded).chain(["marker-bearer", "marker-signing"]);
    for marker in markers {
        for (place, content) in
            [("log", &log), ("tables", &tables), ("sessions", &sessions), ("metrics", &metrics)]
        {
            let line = content.lines().find(|line| line.contains(marker));
            assert_eq!(line, None, "{marker} is in the {place}");
        }
    }
    for (place, content) in [("log", &log), ("sessions", &sessions), ("metrics", &metrics)] {
        assert!(!content.contains(PAYLOAD), "the payload is in the {place}");
    }
}

#[test]
fn over_http_2_they_turn_up_in_no_log_either() {
    let stage = Stage::new("no_secrets_http2");
    let (folder, marker) = (tempfile::tempdir().unwrap(), MARKERS[0].1);
    fs::write(folder.path().join("bearer"), marker).unwrap();
    let tls = TlsOptions::new(stage.authority.server(&LOCAL)).require_client(&stage.authority.pem());
    let receiver = Receiver::start(&ReceiverOptions::tls(tls.http2()));
    receiver.reply_with(|request, nth| Reply::status(if nth == 1 { 401 } else { 200 }).body(echo(request)));
    let auth = auth(r#"{"type": "bearer", "secret": "bearer"}"#);
    stage.subscribe_url(&receiver.url("/"), &format!("http2 => true, {auth}"));
    let relay = relay(&stage, &["--secrets", folder.path().to_str().unwrap(), "--log", "trace"], &[]);
    stage.emit(1);
    stage.wait_until_drained();
    relay.signal("TERM");
    relay.wait(SOON);
    let sent = receiver.requests();
    assert!(sent.len() == 2 && sent.iter().all(|request| request.version == "HTTP/2.0"), "{sent:?}");
    assert!(sent[0].header("authorization").unwrap().contains(marker));
    let log = relay.lines().join("\n");
    assert!(log.contains("TRACE") && log.contains("delivered"), "at trace level");
    assert_eq!(log.lines().find(|line| line.contains(marker)), None);
    assert_eq!(stage.count("outbox.attempt where response like '%[secret]%'"), 2);
}

/// Every column of every table and view that a role may read, as text.
fn readable(stage: &Stage, role: &str) -> String {
    let columns = stage.db.psql(&format!(
        "select string_agg(format('select %L || to_jsonb(t)::text from (select %s from outbox.%I) t', relname || ' ', \
             columns, relname), ' union all ') from ( \
             select c.relname, string_agg(quote_ident(a.attname), ', ') as columns \
             from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
             where c.relnamespace = 'outbox'::regnamespace and c.relkind in ('r', 'v') \
                 and has_column_privilege('{role}', c.oid, a.attnum, 'select') group by c.relname) t"
    ));
    stage.db.psql_as(role, &columns)
}

#[test]
fn auth_names_a_secret_and_a_secret_itself_is_refused_with_the_way_out() {
    let stage = Stage::new("check_auth");
    let subscribe = |auth: &str, further: &str| {
        let call = format!("select outbox.subscribe('a', '*', 'https://e.com/', auth => '{auth}'{further})");
        stage.db.try_psql(&call).map_err(|error| {
            assert!(!error.raw.contains("Hunter2"), "{}", error.raw);
            (error.sqlstate, error.message)
        })
    };
    for (auth, further, code, words) in [
        (r#"{"type": "bearer", "secret": "Hunter2!"}"#, "", "OX027", "not the name of a secret"),
        (r#"{"type": "bearer", "secret": "a", "token": "Hunter2"}"#, "", "OX027", "has no part 'token'"),
        (r#"{"type": "basic", "username": "u", "password": "Hunter2"}"#, "", "OX027", "lacks secret"),
        (r#"{"type": "basic", "username": "u:v", "secret": "a"}"#, "", "OX027", "cannot be sent"),
        (r#"{"type": "digest", "secret": "a"}"#, "", "OX027", "not of a type that is known"),
        (r#"["bearer"]"#, "", "OX027", "not of a type that is known"),
        (r#"{"type": "bearer", "secret": "../../etc/passwd"}"#, "", "OX027", "not the name of a secret"),
        (r#"{"type": "header", "name": "Host", "secret": "a"}"#, "", "OX007", "may not be set"),
        (
            r#"{"type": "oauth2", "token_url": "http://e.com/", "client_id": "u", "secret": "a"}"#,
            "",
            "OX006",
            "http://",
        ),
        (
            r#"{"type": "oauth2", "token_url": "https://e.com/", "client_id": "u", "secret": "a", "scope": 1}"#,
            "",
            "OX027",
            "cannot be sent",
        ),
        (
            r#"{"type": "bearer", "secret": "a"}"#,
            r#", headers => '{"authorization": "x"}'"#,
            "OX027",
            "comes from headers and from auth",
        ),
    ] {
        let (found, message) = subscribe(auth, further).unwrap_err();
        assert!(found == code && message.contains(words), "{auth}: {found} {message}");
    }
    subscribe(
        r#"{"type": "oauth2", "token_url": "https://e.com/t", "client_id": "u", "secret": "a-b.c_d"}"#,
        "",
    )
    .unwrap();
    stage.db.psql("update outbox.subscription set auth = null");
    assert_eq!(stage.db.psql("select count(*) from outbox.subscription where auth is null"), "1");
}
