//! The examples of `contrib/examples`, with what each needs: receivers, files, and lines to try when it stays open.

use super::Scenario;
use crate::live::Lines;
use crate::stage::Place;

macro_rules! files {
    ($folder:literal) => {
        &[
            ("roles.sql", include_str!(concat!("../../examples/", $folder, "/roles.sql"))),
            ("schema.sql", include_str!(concat!("../../examples/", $folder, "/schema.sql"))),
            ("objects.sql", include_str!(concat!("../../examples/", $folder, "/objects.sql"))),
            ("subscriptions.sql", include_str!(concat!("../../examples/", $folder, "/subscriptions.sql"))),
        ]
    };
}

/// Notifications to the Prime, and to an audit partner with another certificate.
pub(crate) const MILMOVE: Scenario = Scenario {
    places: &[
        Place {
            name: "prime",
            path: "/support/v1/webhook-notify",
            identity: "prime",
            common_name: "milmove-to-prime",
        },
        Place { name: "audit", path: "/audit/shipments", identity: "audit", common_name: "milmove-to-audit" },
    ],
    files: files!("milmove"),
    steps: include_str!("../../examples/milmove/steps.sql"),
    lines: Lines {
        change: &[
            "update payment_requests set status = 'PAID', updated_at = now() where payment_request_number = '1234-5678-1';",
            "update addresses set street_address_1 = '1 Main St' where city = 'Austin';",
            "update moves set available_to_prime_at = now() where locator = 'NOTYET';",
            "update payment_requests set status = 'TPPS_RECEIVED', updated_at = now();",
        ],
        rollback: "begin; update mto_shipments set status = 'APPROVED'; rollback;",
        crowd: None,
    },
};

/// Events of customers and vehicles, dispatched to downstream systems.
pub(crate) const CTP: Scenario = Scenario {
    places: &[
        place("CUSTOMER_CENTRAL_SYNC_URI", "/customer-central"),
        place("SERVCO_SYNC_URI", "/servco"),
        place("TC_SAFETY_SYNC_URI", "/tc-safety"),
        place("TC_SYNC_URI", "/tc"),
        place("ROADSIDE_SYNC_URI", "/roadside"),
    ],
    files: files!("ctp"),
    steps: include_str!("../../examples/ctp/steps.sql"),
    lines: Lines {
        change: &[
            "insert into customer_account values ('guid-2', 'Grace', 'Hopper', 'grace@example.com');",
            "begin; set local outbox.header.X_CorrelationId = 'by hand';",
            "  insert into vehicle_subscription values ('guid-2', 'VIN2', 'TRIAL'); commit;",
            "update vehicle_subscription set status = 'ACTIVE';",
        ],
        rollback: "begin; delete from vehicle_subscription; rollback;",
        crowd: None,
    },
};

/// Citations of papers and software, told to archives and journals by the ADS.
pub(crate) const ADS: Scenario = Scenario {
    places: &[
        at("zenodo", "/zenodo", "ads"),
        at("aas", "/aas", "ads"),
        at("joss", "/joss", "ads"),
        at("y", "/y", "ads"),
        at("z", "/z", "ads"),
    ],
    files: files!("ads"),
    steps: include_str!("../../examples/ads/steps.sql"),
    lines: Lines {
        change: &[
            "insert into citations values ('2026ApJ...900....1A', '10.5281/zenodo.1', '2026zndo......1B');",
            "delete from citations where cited_id = '10.5281/zenodo.1';",
            r#"select outbox.emit('citation.software.detected', '{"cited_id": "10.5281/zenodo.2"}');"#,
        ],
        rollback: "begin; delete from citations; rollback;",
        crowd: None,
    },
};

/// Pushes to browsers when an order is on its way, through a gateway.
pub(crate) const WEBPUSH: Scenario = Scenario {
    places: &[at("gateway", "/push", "orders")],
    files: files!("webpush"),
    steps: include_str!("../../examples/webpush/steps.sql"),
    lines: Lines {
        change: &[
            "update orders set status = 'IN_KITCHEN' where order_id = '2dh3kOyQLCo9s2mG8yMu5KcZSM5';",
            "update orders set status = 'OUT_FOR_DELIVERY' where order_id = '2dh3kOyQLCo9s2mG8yMu5KcZSM5';",
            "select subscriber, status from outbox.subscription;",
        ],
        rollback: "begin; update orders set status = 'CANCELLED'; rollback;",
        crowd: None,
    },
};

const fn place(name: &'static str, path: &'static str) -> Place {
    at(name, path, "ctp-dispatcher")
}

/// A receiver that lets in the default identity, under this name.
const fn at(name: &'static str, path: &'static str, common_name: &'static str) -> Place {
    Place { name, path, identity: "default", common_name }
}
