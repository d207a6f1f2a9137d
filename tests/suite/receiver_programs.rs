//! The receivers of `contrib/receivers/` as processes: what each needs, and where it is.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Authority, Outboxd, RelayProcess};

/// A JVM compiles its program first.
const STARTED: Duration = Duration::from_mins(1);

/// A receiver in one language.
pub(super) struct Language {
    /// As its folder is called.
    pub(super) name: &'static str,
    /// Where that is, in contrib.
    kind: &'static str,
    /// What must be on the PATH, and an argument with which it does nothing and ends well.
    runtime: Option<(&'static str, &'static str)>,
    /// Which file says what libraries it needs; `./contrib/receivers/prepare` puts a copy beside what it fetches.
    manifest: Option<&'static str>,
    /// The program and its arguments, in the folder of the receiver. It may put files into the home.
    command: fn(&Language, home: &Path) -> Vec<String>,
    /// A variable that says where the libraries are.
    libraries: Option<&'static str>,
}

/// All of them.
pub(super) const LANGUAGES: [Language; 5] = [
    Language {
        name: "python",
        kind: "receivers",
        runtime: Some(("python3", "--version")),
        manifest: Some("requirements.txt"),
        command: |_, _| vec!["python3".into(), "receiver.py".into()],
        libraries: Some("PYTHONPATH"),
    },
    Language {
        name: "node",
        kind: "receivers",
        runtime: Some(("node", "--version")),
        manifest: Some("package-lock.json"),
        command: |language, home| in_node(language, home, "receiver.mjs"),
        libraries: None,
    },
    Language {
        name: "go",
        kind: "receivers",
        runtime: Some(("go", "version")),
        manifest: Some("go.sum"),
        command: |language, home| {
            let program = home.join("receiver");
            let mut build = Command::new("go");
            build.current_dir(language.folder()).args(["build", "-o"]).arg(&program).arg(".");
            let output = build.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            vec![shown(&program)]
        },
        libraries: None,
    },
    Language {
        name: "java",
        kind: "receivers",
        runtime: Some(("java", "-version")),
        manifest: Some("pom.xml"),
        command: |language, _| {
            let libraries = shown(&language.fetched().join("lib/*"));
            vec!["java".into(), "-cp".into(), libraries, "Receiver.java".into()]
        },
        libraries: None,
    },
    Language {
        name: "rust",
        kind: "receivers",
        runtime: None,
        manifest: None,
        // cargo builds examples beside the tests.
        command: |_, _| {
            let tests = std::env::current_exe().unwrap();
            let built = tests.parent().and_then(Path::parent).unwrap().join("examples/receiver");
            vec![shown(&built)]
        },
        libraries: None,
    },
];

/// The gateway to browsers' push services.
pub(super) const GATEWAY: Language = Language {
    name: "webpush",
    kind: "gateways",
    runtime: Some(("node", "--version")),
    manifest: Some("package-lock.json"),
    command: |language, home| in_node(language, home, "gateway.mjs"),
    libraries: None,
};

/// Its modules are looked for beside the program.
fn in_node(language: &Language, home: &Path, file: &str) -> Vec<String> {
    let program = home.join(file);
    fs::copy(language.folder().join(file), &program).unwrap();
    let modules = language.fetched().join("node_modules");
    std::os::unix::fs::symlink(modules, home.join("node_modules")).unwrap();
    vec!["node".into(), shown(&program)]
}

impl Language {
    /// Where its source is.
    pub(super) fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(self.kind).join(self.name)
    }

    /// Where `./contrib/receivers/prepare` puts its libraries.
    pub(super) fn fetched(&self) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("receivers").join(self.name)
    }

    /// Whether it can be run here. Says so when it cannot, and fails when it must.
    pub(super) fn can_run(&self) -> bool {
        let Some(reason) = self.missing() else { return true };
        let required = std::env::var("OUTBOXD_TEST_RECEIVERS").unwrap_or_default();
        assert!(!required.split_whitespace().any(|name| name == self.name), "{}: {reason}", self.name);
        // Not by the macro, whose words a test that passes does not show.
        let words = format!("SKIPPED contrib/{}/{}: {reason}\n", self.kind, self.name);
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        false
    }

    fn missing(&self) -> Option<String> {
        if let Some((program, argument)) = self.runtime {
            let asked = Command::new(program).arg(argument).stdin(Stdio::null()).output();
            if !asked.is_ok_and(|output| output.status.success()) {
                return Some(format!("there is no {program} here"));
            }
        }
        let manifest = self.manifest?;
        let fetched = fs::read(self.fetched().join(manifest)).ok();
        let wanted = fs::read(self.folder().join(manifest)).unwrap();
        (fetched != Some(wanted))
            .then(|| format!("its libraries are not here: ./contrib/receivers/prepare {}", self.name))
    }
}

/// A running receiver, its certificates and its port. It is killed when this value is dropped.
pub(super) struct Program {
    pub(super) process: RelayProcess,
    pub(super) port: u16,
    _home: TempDir,
}

impl Program {
    /// Starts a receiver that takes certificates of `relay` by this authority and signatures with these secrets. `more` is
    /// what its environment has besides.
    pub(super) fn start(
        language: &Language,
        authority: &Authority,
        secrets: &str,
        more: &[(&'static str, &str)],
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let pair = authority.server(&crate::stage::LOCAL);
        let file = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            shown(&path)
        };
        let (certificate, key) = (file("tls.crt", &pair.cert_pem), file("tls.key", &pair.key_pem));
        let client_ca = file("ca.crt", &authority.pem());
        let libraries = shown(&language.fetched());
        let mut env = vec![
            ("PORT", "0"),
            ("TLS_CRT", &certificate),
            ("TLS_KEY", &key),
            ("CLIENT_CA", &client_ca),
            ("CLIENT_NAME", "relay"),
            ("WEBHOOK_SECRET", secrets),
        ];
        env.extend(more);
        env.extend(language.libraries.map(|variable| (variable, libraries.as_str())));
        let command = (language.command)(language, home.path());
        let arguments: Vec<_> = command[1..].iter().map(String::as_str).collect();
        // Whatever the program is: it is started as the relay is, its lines read, signals sent.
        let program = Outboxd::new(Path::new(&command[0]));
        let process = program.spawn_in(&language.folder(), &arguments, &env);
        let line = process.wait_for_line("listening on port ", STARTED);
        let port = line.rsplit(' ').next().unwrap().parse().unwrap();
        Self { process, port, _home: home }
    }
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
