//! What `--help` says: it fits a terminal, and a command offers what it uses.

use crate::stage::outboxd;
use crate::support::Output;

fn help(command: &[&str]) -> String {
    let Output { code, stdout, .. } = outboxd().run(&[command, &["--help"]].concat(), &[]);
    assert_eq!(code, 0, "{command:?}");
    stdout
}

/// The commands that the help names.
fn commands() -> Vec<String> {
    let all = help(&[]);
    let list = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let named = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    named.map(|line| line.split(' ').next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

#[test]
fn each_line_fits_and_the_first_command_is_the_first_to_try() {
    let commands = commands();
    assert_eq!((commands.len(), commands[0].as_str()), (10, "dev"));
    for command in &commands {
        let text = help(&[command]);
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{command}: {long:?}");
    }
    assert!(help(&[]).contains("First steps:\n  outboxd dev "));
}

#[test]
fn a_database_is_asked_for_by_commands_that_use_one() {
    for command in commands() {
        let uses = !["listen", "post", "certificates", "signing-key"].contains(&command.as_str());
        assert_eq!(help(&[&command]).contains("--database-url"), uses, "{command}");
        assert!(help(&[&command]).contains("\nLogging:\n"), "{command}: what all have stands apart");
    }
}
