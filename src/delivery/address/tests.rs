//! Tables: what is public, what an option allows, and what no option does.

use super::*;

fn guard(allowed: &[&str]) -> Guard {
    Guard::new(allowed.iter().map(|text| text.parse().expect(text)).collect())
}

fn may(guard: &Guard, ip: &str) -> bool {
    guard.objection(SocketAddr::new(ip.parse().expect(ip), 443)).is_none()
}

const PUBLIC: &[&str] = &[
    "100.63.255.254",
    "100.128.0.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.1",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "64:ff9c::1",
    "2001:200::1",
    "2003::1",
    "::ffff:8.8.8.8",
];

const SPECIAL: &[&str] = &[
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::808:808",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:a00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::2",
];

#[test]
fn public_addresses_may_be_dialled_and_no_others() {
    let guard = guard(&[]);
    for ip in PUBLIC {
        assert!(may(&guard, ip), "{ip}");
    }
    for ip in SPECIAL {
        assert!(!may(&guard, ip), "{ip}");
    }
}

#[test]
fn what_is_allowed_is_allowed_in_all_its_forms_and_nothing_else_is() {
    let loopback = guard(&["127.0.0.0/8"]);
    assert!(may(&loopback, "127.9.9.9") && may(&loopback, "::ffff:127.0.0.1"));
    assert!(!may(&loopback, "::1") && !may(&loopback, "10.0.0.1") && !may(&loopback, "64:ff9b::7f00:1"));
    assert!(!may(&loopback, "::127.0.0.1"));
    let both = Guard::new(Allowed::loopback().to_vec());
    assert!(may(&both, "127.0.0.1") && may(&both, "::1") && !may(&both, "::") && !may(&both, "0.0.0.0"));
    // A translator leads on: what it leads to is asked for as well.
    let translated = guard(&["64:ff9b::/96", "2002::/16", "2001::/32"]);
    assert!(may(&translated, "64:ff9b::808:808") && may(&translated, "2002:808:808::1"));
    for inside in ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:a00:1::1", "2001:0:4136:e378::80ff:fffe"] {
        assert!(!may(&translated, inside), "{inside}");
    }
    assert!(may(&guard(&["64:ff9b::/96", "10.0.0.0/8"]), "64:ff9b::a00:1"));
}

#[test]
fn ports_narrow_what_is_allowed() {
    let at = |guard: &Guard, address: &str| guard.objection(address.parse().expect(address)).is_none();
    let one = guard(&["10.1.2.3:8443", "[fd00::/8]:443-8443", "[fd11::1]"]);
    assert!(at(&one, "10.1.2.3:8443") && at(&one, "[fd00::7]:8000") && at(&one, "[fd11::1]:1"));
    assert!(!at(&one, "10.1.2.3:8444") && !at(&one, "10.1.2.4:8443"));
    assert!(!at(&one, "[fd00::7]:442") && !at(&one, "[fd00::7]:8444"));
    // A public address needs no leave, at any port.
    assert!(at(&one, "8.8.8.8:1"));
}

#[test]
fn what_is_neither_a_network_nor_ports_says_so() {
    let problem = |text: &str| text.parse::<Allowed>().expect_err(text);
    for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "fd00::/8:443", "[10.0.0.0/8", "*", "0x7f.1"] {
        assert!(problem(text).starts_with("it must be a network or an address"), "{text}: {}", problem(text));
    }
    for text in ["10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:65536", "10.0.0.0/8:2-1", "[::1]x", "[::1]:a-b"] {
        assert!(problem(text).starts_with("its ports must be"), "{text}: {}", problem(text));
    }
    assert_eq!(problem("10.1.2.3/8"), "that is an address within 10.0.0.0/8: write one or the other");
}

#[test]
fn an_objection_names_the_network() {
    let told = |guard: &Guard, address: &str| {
        let objection = guard.objection(address.parse().expect(address)).expect("it is refused");
        format!("{} {}: {}", objection.ip, objection.network, objection.what)
    };
    let strict = guard(&[]);
    let metadata = "169.254.169.254 169.254.0.0/16: link-local, where clouds keep their metadata";
    assert_eq!(told(&strict, "169.254.169.254:80"), metadata);
    assert_eq!(told(&strict, "[::ffff:169.254.169.254]:80"), metadata);
    assert_eq!(told(&guard(&["64:ff9b::/96"]), "[64:ff9b::a9fe:a9fe]:80"), metadata);
}
