//! The commands, and where `--config` may stand.

use std::{fs, net::TcpListener, process::Output};

use crate::{
    config::{CONFIG, config},
    process::{ADMIN_TOKEN, Folder, SECRET},
};

fn words(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code();
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_file_may_stand_before_and_after_the_command() {
    let folder = Folder::new(CONFIG);
    let file = folder.path("server.toml");
    let file = file.to_str().unwrap();
    for arguments in [
        ["--config", file, "token", "--user", "player-1"],
        ["token", "--config", file, "--user", "player-1"],
        ["token", "--user", "player-1", "--config", file],
    ] {
        let (code, token, complaint) = words(&folder.run_with(&arguments, &[]));
        assert_eq!(code, Some(0), "{complaint}");
        assert_eq!(token.trim().split('.').count(), 3, "{token}");
    }
    for arguments in [
        &["--config", file][..],
        &["serve", "--config", file],
        &["--config", file, "serve"],
    ] {
        folder.start_by(arguments, &[("RUST_LOG", "info")]).stop();
    }
}

#[test]
fn without_a_file_the_error_names_the_option() {
    let folder = Folder::new(CONFIG);
    for arguments in [
        &[][..],
        &["serve"],
        &["token", "--user", "a"],
        &["check-config"],
    ] {
        let (code, output, complaint) = words(&folder.run_with(arguments, &[]));
        assert_eq!((code, output.as_str()), (Some(2), ""), "{arguments:?}");
        let expected = "error: --config <FILE> is required";
        assert!(complaint.starts_with(expected), "{complaint}");
    }
}

#[test]
fn a_misspelt_word_gets_the_right_one() {
    let folder = Folder::new(CONFIG);
    for (misspelt, right) in [
        (&["tokn"][..], "token"),
        (&["chek-config"], "check-config"),
        (&["--confg", "server.toml"], "--config"),
        (&["token", "--usr", "a"], "--user"),
    ] {
        let (code, _, complaint) = words(&folder.run_with(misspelt, &[]));
        assert_eq!(code, Some(2), "{complaint}");
        assert!(complaint.contains("a similar"), "{complaint}");
        assert!(complaint.contains(&format!("'{right}'")), "{complaint}");
    }
}

#[test]
fn it_says_its_version() {
    let output = Folder::new(CONFIG).run_with(&["--version"], &[]);
    let (code, version, _) = words(&output);
    let expected = format!("bouncer {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((code, version), (Some(0), expected));
}

#[test]
fn a_good_configuration_is_checked_without_a_trace() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("listen = {:?}", taken.local_addr().unwrap().to_string());
    let folder = Folder::new(&config(r#"listen = "127.0.0.1:0""#, &taken));
    let (code, answer, complaint) = words(&folder.run(&["check-config"]));
    assert_eq!(code, Some(0), "{complaint}");
    assert!(answer.starts_with("ok: ") && answer.lines().count() == 1);
    assert!(answer.contains("server.toml"), "{answer}");
    let files = fs::read_dir(folder.path("")).unwrap();
    assert_eq!(files.count(), 1, "the configuration, and no database");
}

#[test]
fn a_node_of_a_cluster_is_checked_without_its_redis() {
    let cluster = "[cluster]\nredis_url_env = \"TEST_REDIS\"\n";
    let folder = Folder::new(&config(
        "[revocations]\nsqlite = \"revocations.db\"\n",
        cluster,
    ));
    let file = folder.path("server.toml");
    let arguments = ["check-config", "--config", file.to_str().unwrap()];
    let away = [("TEST_REDIS", "redis://127.0.0.1:1/")];
    assert_eq!(folder.run_with(&arguments, &away).status.code(), Some(0));
    let wrong = [("TEST_REDIS", "http://127.0.0.1:1/")];
    let (code, _, complaint) = words(&folder.run_with(&arguments, &wrong));
    assert_eq!(code, Some(2));
    let field = "error: cluster.redis_url_env: ";
    assert!(complaint.starts_with(field), "{complaint}");
}

#[test]
fn the_default_configuration_is_good_once_its_variables_are_set() {
    let folder = Folder::new("");
    let (code, file, _) = words(&folder.run_with(&["default-config"], &[]));
    assert_eq!(code, Some(0));
    folder.write("server.toml", &file);
    let path = folder.path("server.toml");
    let arguments = ["check-config", "--config", path.to_str().unwrap()];
    let variables = [
        ("BOUNCER_SECRET", SECRET),
        ("BOUNCER_ADMIN_TOKEN", ADMIN_TOKEN),
    ];
    for (variable, _) in variables {
        let names_it = format!("export {variable}=");
        assert!(file.contains(&names_it), "{names_it} is in the file");
    }
    let (code, _, complaint) = words(&folder.run_with(&arguments, &variables));
    assert_eq!(code, Some(0), "{complaint}");
    let (code, _, complaint) = words(&folder.run_with(&arguments, &variables[..1]));
    assert_eq!(code, Some(2));
    assert!(
        complaint.starts_with("error: admin.token_env: "),
        "{complaint}"
    );
}
