//! The image and the compose file in contrib/container.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitStatus};

use outboxd::conninfo::Password;
use serde_json::Value;

use crate::deployed::{Environment, Machine, Started};
use crate::ops_client::Ops;
use crate::source::{sources, text_of};
use crate::stage::Stage;
use crate::yaml::{document, strings};

const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The instructions of the Dockerfile, each on one line, without comments.
fn instructions() -> Vec<String> {
    let text = text_of("contrib/container/Dockerfile");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    joined
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|l| !l.is_empty())
        .collect()
}

/// What follows the word of each instruction of that kind.
fn all<'a>(instructions: &'a [String], word: &str) -> Vec<&'a str> {
    instructions.iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
}

/// The packages that an instruction installs.
fn packages(run: &str) -> BTreeSet<&str> {
    let Some((_, rest)) = run.split_once("apt-get install ") else { return BTreeSet::new() };
    rest.split(" && ").next().unwrap().split(' ').filter(|word| !word.starts_with('-')).collect()
}

#[test]
fn the_image_is_built_from_what_is_there_and_runs_as_nobody() {
    let instructions = instructions();
    let stages = all(&instructions, "FROM");
    let manifest = text_of("Cargo.toml");
    let rust =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert_eq!(stages, [&format!("rust:{rust}-slim-bookworm AS build"), "debian:bookworm-slim"]);

    let copies = all(&instructions, "COPY");
    let (built, from_here): (Vec<&str>, Vec<&str>) =
        copies.iter().partition(|copy| copy.starts_with("--from=build"));
    let ignored = text_of("contrib/container/Dockerfile.dockerignore");
    let let_through: BTreeSet<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut taken = BTreeSet::new();
    for copy in from_here {
        let (from, _) = copy.rsplit_once(' ').unwrap();
        taken.extend(from.split(' '));
    }
    assert_eq!(taken, let_through, "what is copied is let through, and nothing else");
    for path in taken {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
    }
    // What the compiler reads besides: any path that leads out of a folder of src.
    for source in sources("src").iter().filter(|source| source.code.contains("include_")) {
        for (line, string) in source.strings.iter().filter(|(_, string)| string.starts_with("\"../")) {
            let root = string.trim_start_matches(['"', '.', '/']).split('/').next().unwrap();
            assert!(let_through.contains(root), "{}:{line}: the image has no {root}", source.path);
        }
    }
    assert_eq!(built, ["--from=build /usr/local/bin/outboxd /usr/local/bin/outboxd"]);

    let users = all(&instructions, "USER");
    let (user, group) = users[0].split_once(':').unwrap();
    assert!(users.len() == 1 && [user, group].iter().all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)));
    let last = |word| instructions.iter().rposition(|line| line.starts_with(word)).unwrap();
    assert!(last("USER") > last("FROM") && last("USER") > last("RUN"), "{instructions:?}");
}

#[test]
fn the_image_has_the_libraries_that_the_project_asks_for() {
    let instructions = instructions();
    let installed: Vec<_> =
        all(&instructions, "RUN").into_iter().map(packages).filter(|set| !set.is_empty()).collect();
    let prerequisites = text_of("contrib/prerequisites");
    let need_build =
        prerequisites.split("need_build() {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let asked: BTreeSet<_> = need_build
        .split("$missing ")
        .skip(1)
        .flat_map(|rest| rest.split('"').next().unwrap().split(' '))
        .collect();
    // The image of Rust has a compiler.
    let build: BTreeSet<_> = asked.into_iter().filter(|name| !["gcc", "libc6-dev"].contains(name)).collect();
    assert_eq!(installed, [build, BTreeSet::from(["ca-certificates", "libssl3"])]);
}

#[test]
fn the_image_starts_a_relay() {
    let instructions = instructions();
    let words = |word| -> Vec<String> { serde_json::from_str(all(&instructions, word)[0]).unwrap() };
    assert_eq!(words("ENTRYPOINT"), ["outboxd"]);
    let environment = Environment::from([("PGUSER".to_owned(), "anybody".to_owned())]);
    let arguments = words("CMD");
    Machine::new().relay(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &environment);
}

fn compose() -> Value {
    document("contrib/container/compose.yaml")
}

/// A service's variables.
fn environment(service: &Value) -> Environment {
    let pairs = service["environment"].as_object().unwrap();
    pairs.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a string").to_owned())).collect()
}

#[test]
fn compose_starts_what_the_binary_accepts() {
    let compose = compose();
    let machine = Machine::new();
    machine.private_file("/run/secrets/pgpass", "postgres:5432:*:postgres:secret");
    machine.identity("/etc/outboxd/identities/acme");
    let services = &compose["services"];
    for name in ["migrate", "relay"] {
        let service = &services[name];
        assert_eq!(service["image"], format!("outboxd:{RELEASE}"), "{name}");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(strings(&service["secrets"]), ["pgpass"], "{name}");
        let database = match machine.start(&strings(&service["command"]), &environment(service)) {
            Started::Migrate(database) => *database,
            Started::Relay(settings) => {
                assert_eq!(settings.identities.names(), "; it knows acme, default");
                let stop = service["stop_grace_period"].as_str().unwrap().trim_end_matches('s');
                assert!(stop.parse::<u64>().unwrap() > settings.grace.as_secs() + 5);
                assert!(settings.measure, "it has an ops listener");
                settings.database
            }
        };
        assert_eq!(database.describe(), "postgres@postgres:5432/shop", "{name}");
        let password = database.targets[0].password.as_ref().map(Password::reveal);
        assert_eq!(password, Some("secret"), "{name}");
    }
    let waits = |name: &str, on: &str| services[name]["depends_on"][on]["condition"].clone();
    assert_eq!(waits("migrate", "postgres"), "service_healthy");
    assert_eq!(waits("relay", "migrate"), "service_completed_successfully");
    // Postgres 18 and newer have their data in a folder of the version's, below this one.
    assert_eq!(services["postgres"]["image"], "postgres:18");
    assert_eq!(strings(&services["postgres"]["volumes"]), ["postgres:/var/lib/postgresql"]);
    for (_, service) in services.as_object().unwrap() {
        for secret in strings(&service["secrets"]) {
            let file = compose["secrets"][secret]["file"].as_str().unwrap();
            assert!(file.starts_with("./secrets/"), "where .gitignore keeps it out: {file}");
        }
    }
    assert_eq!(text_of("contrib/container/.gitignore"), "/secrets/\n");
    let build = &services["relay"]["build"];
    let context = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib/container")
        .join(build["context"].as_str().unwrap());
    assert!(context.join(build["dockerfile"].as_str().unwrap()).exists());
}

/// The keys that the READMEs' commands make in the checkout.
#[test]
fn keys_are_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| Command::new("git").current_dir(folder.path()).args(arguments).output();
    if git(&["init", "-q"]).is_err() {
        return;
    }
    for at in ["", "contrib/receivers/"] {
        std::fs::create_dir_all(folder.path().join(at)).unwrap();
        std::fs::write(folder.path().join(at).join(".gitignore"), text_of(&format!("{at}.gitignore")))
            .unwrap();
    }
    for key in [
        "try/relay/tls.key",
        "try/identities/default/tls.key",
        "identities/default/tls.key",
        "client.key",
        "client.pem",
        "contrib/receivers/python/dev/receiver/tls.key",
        "contrib/receivers/go/dev/identities/default/tls.key",
    ] {
        assert!(git(&["check-ignore", "-q", key]).unwrap().status.success(), "{key}");
    }
    for source in ["src/main.rs", "contrib/receivers/go/main.go", "contrib/container/compose.yaml"] {
        assert!(!git(&["check-ignore", "-q", source]).unwrap().status.success(), "{source}");
    }
}

/// As compose would run it, with another port.
fn probe(port: u16) -> ExitStatus {
    let compose = compose();
    let test = strings(&compose["services"]["relay"]["healthcheck"]["test"]);
    let ["CMD", program, arguments @ ..] = test.as_slice() else { panic!("{test:?}") };
    let arguments = arguments.iter().map(|text| text.replace("$$", "$").replace("9464", &port.to_string()));
    Command::new(program).args(arguments).status().unwrap()
}

#[test]
fn the_health_check_tells_a_relay_from_nothing_and_from_something_else() {
    let stage = Stage::new("health_check");
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    ops.wait_until_ready();
    assert!(probe(ops.0.port()).success());
    relay.signal("KILL");
    relay.wait(crate::stage::SOON);
    assert!(!probe(ops.0.port()).success());
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 256]);
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap();
    });
    assert!(!probe(port).success());
    answering.join().unwrap();
}
