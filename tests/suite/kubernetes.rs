//! The manifests in contrib/kubernetes: a relay on its own, and one beside an application.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::deployed::{Environment, Machine, Started};
use crate::source::text_of;
use crate::yaml::{document, items, strings};

/// The relays'.
const FOLDERS: [&str; 2] = ["relay", "sidecar"];
/// Every folder with pods, and the file that has them.
const PODS: [(&str, &str); 3] = [("migrate", "job"), ("relay", "deployment"), ("sidecar", "deployment")];
/// The label whose value is the database of a pod's relay.
const DATABASE: &str = "outboxd/database";
/// As the comment in relay/kustomization.yaml has it.
const URL: &str =
    "postgres://outboxd:s%40cret@db/shop?sslmode=verify-full&sslrootcert=/etc/outboxd/postgres/ca.crt";

fn file(folder: &str, name: &str) -> Value {
    document(&format!("contrib/kubernetes/{folder}/{name}.yaml"))
}

/// What the pods of a folder are.
fn pod(folder: &str) -> Value {
    let (_, name) = PODS.into_iter().find(|(other, _)| *other == folder).unwrap();
    file(folder, name)["spec"]["template"]["spec"].clone()
}

/// Every container of a pod, also those that only begin it.
fn containers(pod: &Value) -> Vec<&Value> {
    items(&pod["initContainers"]).iter().chain(items(&pod["containers"])).collect()
}

/// The container of that name.
#[track_caller]
fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let found = containers(pod).into_iter().find(|container| container["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {pod}"))
}

/// A container's variables; those from elsewhere have values as they would have there.
fn environment(container: &Value) -> Environment {
    let pair = |variable: &Value| {
        let from = &variable["valueFrom"];
        let value = match (variable["value"].as_str(), from["secretKeyRef"]["key"].as_str()) {
            (Some(value), _) => value,
            (None, Some("url")) => URL,
            (None, _) if from["fieldRef"]["fieldPath"] == "metadata.name" => "outboxd-7d9c-x2x",
            _ => panic!("{variable}"),
        };
        (variable["name"].as_str().unwrap().to_owned(), value.to_owned())
    };
    items(&container["env"]).iter().map(pair).collect()
}

/// Makes what a container's mounts show, from the secrets that the volumes name.
fn mount(machine: &Machine, pod: &Value, container: &Value) {
    for mount in items(&container["volumeMounts"]) {
        let volumes = items(&pod["volumes"]).iter();
        let volume = volumes.filter(|volume| volume["name"] == mount["name"]).collect::<Vec<_>>();
        assert_eq!(volume.len(), 1, "{mount}");
        assert_eq!(mount["readOnly"], true, "{mount}");
        let path = mount["mountPath"].as_str().unwrap();
        match volume[0]["secret"]["secretName"].as_str().unwrap() {
            "outboxd-database" => machine.authority_file(&format!("{path}/ca.crt")),
            "outboxd-identity-default" => machine.identity(path),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn pods_start_what_the_binary_accepts() {
    let containers = [("migrate", "migrate"), ("relay", "outboxd"), ("sidecar", "outboxd")];
    let secrets = containers.map(|(folder, name)| {
        let pod = pod(folder);
        let container = container(&pod, name);
        let machine = Machine::new();
        mount(&machine, &pod, container);
        let database = match machine.start(&strings(&container["args"]), &environment(container)) {
            Started::Migrate(database) => *database,
            Started::Relay(settings) => {
                assert_eq!(settings.identities.names(), "; it knows default");
                assert_eq!(settings.name, "outboxd-7d9c-x2x");
                // The application beside it wants some of the time as well.
                let stop = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
                assert!(stop > settings.grace.as_secs() + 10, "{folder}: {stop}");
                settings.database
            }
        };
        assert_eq!(database.describe(), "outboxd@db:5432/shop");
        assert!(database.roots.is_some());
        container["env"][0]["valueFrom"]["secretKeyRef"]["name"].as_str().unwrap().to_owned()
    });
    let relays = "outboxd-database";
    assert_eq!(secrets, ["outboxd-owner", relays, relays], "the relay is not the owner");
}

/// The schema is a job's: what comes before the containers of a pod keeps them from starting when it fails.
#[test]
fn nothing_of_outboxd_that_ends_comes_before_an_application() {
    for folder in FOLDERS {
        for container in items(&pod(folder)["initContainers"]) {
            assert_eq!(container["restartPolicy"], "Always", "{folder}: {}", container["name"]);
        }
    }
    let job = pod("migrate");
    assert_eq!(job["restartPolicy"], "Never");
    assert_eq!(container(&job, "migrate")["args"], json!(["migrate"]));
    // Whoever deploys relays is told.
    for folder in FOLDERS {
        let text = text_of(&format!("contrib/kubernetes/{folder}/kustomization.yaml"));
        assert!(text.contains("kubectl apply -k contrib/kubernetes/migrate"), "{folder}");
    }
}

#[test]
fn probes_ask_where_the_relay_answers() {
    for folder in FOLDERS {
        let pod = pod(folder);
        let relay = container(&pod, "outboxd");
        let listens = environment(relay)["OUTBOXD_OPS_LISTEN"].clone();
        let address: std::net::SocketAddr = listens.parse().unwrap();
        assert!(address.ip().is_unspecified(), "the kubelet asks from outside the pod");
        assert_eq!(relay["ports"], json!([{"name": "ops", "containerPort": address.port()}]));
        let deployment = file(folder, "deployment");
        let scraped = &deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"];
        assert_eq!(scraped, &address.port().to_string());
        assert_eq!(relay["livenessProbe"]["httpGet"], json!({"path": "/livez", "port": "ops"}));
        // A sidecar's readiness is its application's.
        let ready = relay.get("readinessProbe").map(|probe| probe["httpGet"].clone());
        assert_eq!(ready, (folder == "relay").then(|| json!({"path": "/readyz", "port": "ops"})));
    }
    let sidecar = pod("sidecar");
    assert_eq!(container(&sidecar, "outboxd")["restartPolicy"], "Always");
    let order: Vec<_> = containers(&sidecar).iter().map(|container| container["name"].clone()).collect();
    assert_eq!(order, ["outboxd", "shop"], "the relay before the application");
}

/// The alert rules take a job for a database, so the scrape must make it one.
#[test]
fn relays_of_one_database_are_one_job() {
    let monitor = document("contrib/kubernetes/podmonitor.yaml");
    assert_eq!(monitor["kind"], "PodMonitor");
    assert_eq!(monitor["spec"]["jobLabel"], DATABASE);
    let selected = json!({"matchExpressions": [{"key": DATABASE, "operator": "Exists"}]});
    assert_eq!(monitor["spec"]["selector"], selected);
    assert_eq!(items(&monitor["spec"]["podMetricsEndpoints"])[0]["port"], "ops");
    let relabelling = "source_labels: [__meta_kubernetes_pod_label_outboxd_database], target_label: job";
    for folder in FOLDERS {
        let labels = file(folder, "deployment")["spec"]["template"]["metadata"]["labels"].clone();
        assert_eq!(labels[DATABASE], "shop", "{folder}");
        assert_eq!(container(&pod(folder), "outboxd")["ports"][0]["name"], "ops");
        let text = text_of(&format!("contrib/kubernetes/{folder}/deployment.yaml"));
        assert!(text.contains(relabelling), "{folder}: for a scrape by annotations");
    }
}

/// `exec deploy/…` reaches one pod of several.
#[test]
fn the_way_to_reload_reaches_every_pod() {
    let folders =
        FOLDERS.map(|folder| (folder, text_of(&format!("contrib/kubernetes/{folder}/deployment.yaml"))));
    for (folder, text) in &folders {
        assert!(!text.contains("exec deploy/"), "{folder}");
        let template = &file(folder, "deployment")["spec"]["template"];
        let labelled =
            format!("-l {DATABASE}={} ", template["metadata"]["labels"][DATABASE].as_str().unwrap_or("?"));
        let line = text.lines().find(|line| line.contains("kill -HUP 1")).unwrap_or_default();
        let loops = line.contains("for pod in $(kubectl get pod ") && line.contains(&labelled);
        assert!(loops && line.contains(" -c outboxd "), "{folder}: {line}");
        let (_, shell) = line.split_once("# ").unwrap();
        let status = Command::new("sh").args(["-n", "-c", shell]).status().unwrap();
        assert!(status.success(), "{shell}");
    }
}

/// What the Pod Security Standard "restricted" demands, and no writable root besides.
#[test]
fn pods_keep_to_the_restricted_profile() {
    for (folder, _) in PODS {
        let pod = pod(folder);
        let context = &pod["securityContext"];
        assert_eq!(
            (&context["runAsNonRoot"], &pod["automountServiceAccountToken"]),
            (&json!(true), &json!(false))
        );
        assert!(["runAsUser", "runAsGroup", "fsGroup"].iter().all(|id| context[id].as_u64() > Some(0)));
        assert_eq!(context["seccompProfile"], json!({"type": "RuntimeDefault"}));
        for shared in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod.get(shared).is_none());
        }
        assert!(items(&pod["volumes"]).iter().all(|volume| volume.get("secret").is_some()));
        for container in containers(&pod) {
            let restricted = json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}
            });
            assert_eq!(container["securityContext"], restricted, "{}", container["name"]);
        }
    }
}

#[test]
fn kustomizations_name_what_is_there() {
    for (folder, name) in PODS {
        let kustomization = file(folder, "kustomization");
        assert_eq!(strings(&kustomization["resources"]), [format!("{name}.yaml")]);
        let images = items(&kustomization["images"]);
        let ours = images.iter().find(|image| image["name"] == "outboxd").unwrap();
        assert_eq!(ours["newTag"], env!("CARGO_PKG_VERSION"));
        let named: Vec<_> = images.iter().map(|image| image["name"].as_str().unwrap()).collect();
        let described = file(folder, name);
        let pod = pod(folder);
        assert!(containers(&pod).iter().all(|one| named.contains(&one["image"].as_str().unwrap())));
        if name == "deployment" {
            let labels = &described["spec"]["template"]["metadata"]["labels"];
            let selected = described["spec"]["selector"]["matchLabels"].as_object().unwrap();
            assert!(selected.iter().all(|(label, value)| &labels[label] == value), "{folder}");
        }
        let built = Command::new("kubectl")
            .arg("kustomize")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/kubernetes").join(folder))
            .output();
        let Ok(built) = built else {
            let words = format!("SKIPPED: no kubectl here to build contrib/kubernetes/{folder}\n");
            std::io::stderr().write_all(words.as_bytes()).unwrap();
            continue;
        };
        let text = String::from_utf8(built.stdout).unwrap();
        let kind = described["kind"].as_str().unwrap();
        assert!(built.status.success() && text.contains(&format!("kind: {kind}")), "{text}");
        assert!(!text.contains("image: outboxd"), "every image has its registry: {text}");
    }
}

#[test]
fn the_certificate_is_one_that_a_relay_reads() {
    let certificate = document("contrib/kubernetes/certificate.yaml");
    assert_eq!(certificate["spec"]["privateKey"]["encoding"], "PKCS8");
    assert_eq!(strings(&certificate["spec"]["usages"]), ["client auth"]);
    let volumes = pod("relay")["volumes"].clone();
    let mounted =
        items(&volumes).iter().any(|one| one["secret"]["secretName"] == certificate["spec"]["secretName"]);
    assert!(mounted, "{volumes}");
}
