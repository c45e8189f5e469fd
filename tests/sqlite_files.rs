//! Users and revocations in SQLite files: what is kept, and what is said when a file is of no use.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::{
    Authenticator, ConnectionId, Credential, DirectoryError, HandshakeRequest, JwtAuthenticator,
    Known, RefusalKind, Revocation, RevocationStore, SqliteDirectory, SqliteRevocations, Standing,
    StoreError, Subject, User, UserDirectory, UserId, testing::check_revocation_store,
};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// How long a file that somebody else holds may keep a starting server waiting.
const PATIENCE: Duration = Duration::from_secs(6);
/// What the operator reads of it.
const LOCKED: &str = "the file is locked by another process";

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("file.db")
}

fn id(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

/// Another program's connection, after these statements.
fn other_program(runtime: &Runtime, path: &Path, statements: &[&'static str]) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut connection = runtime.block_on(options.connect()).unwrap();
    for statement in statements {
        runtime
            .block_on(sqlx::query(*statement).execute(&mut connection))
            .unwrap();
    }
    connection
}

/// What both kinds of file say at opening.
fn errors_of(path: &Path) -> [String; 2] {
    let users = match SqliteDirectory::open(path).unwrap_err() {
        DirectoryError::Failed(words) => words,
        other => panic!("{other}"),
    };
    let revocations = match SqliteRevocations::open(path).unwrap_err() {
        StoreError::Failed(words) => words,
        other => panic!("{other}"),
    };
    [users, revocations]
}

/// All entries in a fixed order.
fn load(runtime: &Runtime, store: &SqliteRevocations) -> Vec<Revocation> {
    sorted(runtime.block_on(store.load()).unwrap())
}

/// Keeps those of the entries that are about this subject.
fn keep(runtime: &Runtime, store: &SqliteRevocations, subject: &Subject, entries: &[Revocation]) {
    let about = entries.iter().filter(|entry| entry.subject == *subject);
    let about: Vec<_> = about.cloned().collect();
    runtime.block_on(store.replace(subject, &about)).unwrap();
}

fn sorted(mut entries: Vec<Revocation>) -> Vec<Revocation> {
    entries.sort_by_key(|entry| format!("{entry:?}"));
    entries
}

#[test]
fn revocations_are_there_after_reopening() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let everyone = Revocation::new(Subject::Everyone).issued_before(1_000);
    let entries = vec![
        Revocation::user(id("ann")),
        Revocation::user(id("ann")).issued_before(7),
        Revocation::user(id("ann"))
            .ban()
            .reason("it's \"cheating\""),
        Revocation::user(id("ann")).ban().issued_before(9),
        Revocation::token("ann").until(u64::MAX),
        Revocation::token("with\0nul, ' and ü"),
        everyone,
    ];
    let store = SqliteRevocations::open(file(&folder)).unwrap();
    for subject in [
        id("ann").into(),
        Subject::Token("ann".into()),
        Subject::Everyone,
    ] {
        keep(&runtime, &store, &subject, &entries);
    }
    let odd = &entries[5];
    keep(&runtime, &store, &odd.subject, &entries);
    drop(store);
    let held = load(&runtime, &SqliteRevocations::open(file(&folder)).unwrap());
    let mut expected = entries;
    expected[4].until = Some(i64::MAX as u64);
    assert_eq!(held, sorted(expected));
}

#[test]
fn the_store_keeps_its_contract() {
    let folder = TempDir::new().unwrap();
    let file = file(&folder);
    let check = check_revocation_store(async || SqliteRevocations::connect(&file).await);
    runtime().block_on(check).unwrap();
}

#[test]
fn expired_entries_are_left_out_and_deleted() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let store = SqliteRevocations::open(file(&folder)).unwrap();
    let kept = Revocation::user(id("ben")).until(4_000_000_000);
    for entry in [Revocation::user(id("ann")).until(1), kept.clone()] {
        let subject = entry.subject.clone();
        keep(&runtime, &store, &subject, &[entry]);
    }
    assert_eq!(load(&runtime, &store), [kept]);
    let mut connection = other_program(&runtime, &file(&folder), &[]);
    let rows: i64 = runtime
        .block_on(sqlx::query_scalar("SELECT count(*) FROM revocations").fetch_one(&mut connection))
        .unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn a_session_is_never_kept() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let store = SqliteRevocations::open(file(&folder)).unwrap();
    let session = Subject::Session(ConnectionId::from_u64(1));
    let entry = Revocation::new(session.clone());
    keep(&runtime, &store, &session, &[entry]);
    assert_eq!(load(&runtime, &store), []);
}

#[test]
fn users_are_added_changed_disabled_and_enabled() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let users = SqliteDirectory::open(file(&folder)).unwrap();
    let standing = |users: &SqliteDirectory| runtime.block_on(users.standing(&id("ann"))).unwrap();
    let disable = |disabled| {
        runtime
            .block_on(users.set_disabled(&id("ann"), disabled))
            .unwrap()
    };
    let known = |users: &SqliteDirectory| runtime.block_on(users.look_up(&id("ann"))).unwrap();
    assert_eq!(standing(&users), Standing::Missing);
    assert_eq!(known(&users), Known::Missing);
    assert!(!disable(true), "nobody to disable");

    let ann = User::new("ann", "Ann").unwrap();
    runtime.block_on(users.upsert(&ann)).unwrap();
    assert_eq!(standing(&users), Standing::active(ann));
    let ann = User::new("ann", "Ann B.")
        .unwrap()
        .with_roles(["moderator", "cook"])
        .unwrap();
    runtime.block_on(users.upsert(&ann)).unwrap();
    assert_eq!(standing(&users), Standing::active(ann.clone()));

    assert!(disable(true));
    runtime.block_on(users.upsert(&ann)).unwrap();
    let reopened = SqliteDirectory::open(file(&folder)).unwrap();
    assert_eq!(
        standing(&reopened),
        Standing::Barred,
        "a new name lets nobody in again"
    );
    let is_ann = known(&reopened) == Known::User(ann.clone());
    assert!(is_ann, "whoever is kept out keeps the rank");
    assert!(disable(false));
    assert_eq!(standing(&reopened), Standing::active(ann));
}

#[test]
fn a_user_that_cannot_be_one_is_an_error_and_not_a_stranger() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let users = SqliteDirectory::open(file(&folder)).unwrap();
    let insert = "INSERT INTO users (id, name) VALUES ('ann', '')";
    other_program(&runtime, &file(&folder), &[insert]);
    let answer = runtime.block_on(users.standing(&id("ann")));
    assert!(
        matches!(answer, Err(DirectoryError::Invalid(_))),
        "{answer:?}"
    );
    let comma = User::new("ben", "Ben")
        .unwrap()
        .with_roles(["a,b"])
        .unwrap();
    assert!(runtime.block_on(users.upsert(&comma)).is_err());
}

#[test]
fn one_file_holds_both_next_to_the_tables_of_others() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let theirs = [
        "CREATE TABLE scores (points INTEGER)",
        "INSERT INTO scores VALUES (5)",
    ];
    other_program(&runtime, &file(&folder), &theirs);
    let users = SqliteDirectory::open(file(&folder)).unwrap();
    let store = SqliteRevocations::open(file(&folder)).unwrap();
    let ann = User::new("ann", "Ann").unwrap();
    runtime.block_on(users.upsert(&ann)).unwrap();
    let entry = Revocation::user(id("ann"));
    keep(&runtime, &store, &id("ann").into(), &[entry]);
    assert_eq!(load(&runtime, &store), [Revocation::user(id("ann"))]);
    let mut connection = other_program(&runtime, &file(&folder), &[]);
    let points: i64 = runtime
        .block_on(sqlx::query_scalar("SELECT points FROM scores").fetch_one(&mut connection))
        .unwrap();
    assert_eq!(points, 5);
}

#[test]
fn a_locked_file_is_a_clear_error_within_seconds() {
    let locks: [&[&'static str]; 2] = [
        &["BEGIN EXCLUSIVE"],
        &[
            "PRAGMA journal_mode = WAL",
            "PRAGMA locking_mode = EXCLUSIVE",
            "BEGIN EXCLUSIVE",
        ],
    ];
    for lock in locks {
        let (folder, runtime) = (TempDir::new().unwrap(), runtime());
        let holder = other_program(&runtime, &file(&folder), lock);
        let path = file(&folder);
        let opening: [fn(&Path) -> String; 2] = [
            |path| SqliteDirectory::open(path).unwrap_err().to_string(),
            |path| SqliteRevocations::open(path).unwrap_err().to_string(),
        ];
        for open in opening {
            let start = Instant::now();
            let words = open(&path);
            assert!(
                start.elapsed() < PATIENCE,
                "{:?} for {lock:?}",
                start.elapsed()
            );
            assert!(
                words.contains(LOCKED) && words.contains("file.db"),
                "{lock:?}: {words}"
            );
        }
        runtime.block_on(async move { drop(holder) });
    }
}

#[test]
fn a_file_that_is_locked_later_is_a_clear_error_for_everybody_who_waits() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let store = SqliteRevocations::open(file(&folder)).unwrap();
    let users = SqliteDirectory::open(file(&folder)).unwrap();
    let holder = other_program(&runtime, &file(&folder), &["BEGIN IMMEDIATE"]);
    // More than there are connections.
    let entries: Vec<_> = (0..20)
        .map(|number| Revocation::user(id(&format!("player-{number}"))))
        .collect();
    let stores = entries
        .iter()
        .map(|entry| store.replace(&entry.subject, std::slice::from_ref(entry)));
    for stored in runtime.block_on(futures_util::future::join_all(stores)) {
        let words = stored.unwrap_err().to_string();
        assert!(words.contains(LOCKED), "{words}");
    }
    let ann = User::new("ann", "Ann").unwrap();
    let words = runtime.block_on(users.upsert(&ann)).unwrap_err();
    assert!(words.to_string().contains(LOCKED), "{words}");
    runtime.block_on(async move { drop(holder) });
}

#[test]
fn a_file_that_is_no_database_is_a_clear_error() {
    let folder = TempDir::new().unwrap();
    fs::write(file(&folder), "this is not a database ".repeat(100)).unwrap();
    for words in errors_of(&file(&folder)) {
        assert!(
            words.contains("not a database") && words.contains("file.db"),
            "{words}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only_and_the_mode_of_an_old_one_stays() {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", file.display()));
    let store = SqliteRevocations::open(&file).unwrap();
    runtime().block_on(async {
        let entry = Revocation::user(id("ann"));
        store.replace(&id("ann").into(), &[entry]).await.unwrap();
    });
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&beside("-wal")), 0o600);
    assert_eq!(mode(&beside("-shm")), 0o600);
    drop(store);
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    SqliteRevocations::open(&file).unwrap();
    assert_eq!(mode(&file), 0o640);
}

#[test]
fn a_folder_that_is_not_there_is_a_clear_error() {
    let folder = TempDir::new().unwrap();
    for words in errors_of(&folder.path().join("missing").join("file.db")) {
        assert!(
            words.contains("cannot create") && words.contains("file.db"),
            "{words}"
        );
    }
}

#[test]
fn a_table_of_another_shape_is_a_clear_error() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let tables = [
        "CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT)",
        "CREATE TABLE revocations (who TEXT)",
    ];
    other_program(&runtime, &file(&folder), &tables);
    for words in errors_of(&file(&folder)) {
        assert!(
            words.contains("no such column") || words.contains("no column"),
            "{words}"
        );
        assert!(words.contains("file.db"), "{words}");
    }
}

#[test]
fn a_table_that_could_not_store_is_an_error_before_the_first_revocation() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let view = "CREATE VIEW revocations AS SELECT 'user' AS subject, 'ann' AS name, 1 AS ban,
        0 AS limited, NULL AS issued_before, NULL AS until, NULL AS reason";
    other_program(&runtime, &file(&folder), &[view]);
    let words = SqliteRevocations::open(file(&folder))
        .unwrap_err()
        .to_string();
    assert!(
        words.contains("view") && words.contains("file.db"),
        "{words}"
    );
}

#[test]
fn users_can_be_a_view_of_another_table() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let accounts = [
        "CREATE TABLE accounts (number TEXT, nick TEXT)",
        "INSERT INTO accounts VALUES ('ann', 'Ann')",
        "CREATE VIEW users AS SELECT number AS id, nick AS name, '' AS roles, 0 AS disabled FROM accounts",
    ];
    other_program(&runtime, &file(&folder), &accounts);
    let users = SqliteDirectory::open(file(&folder)).unwrap();
    let ann = User::new("ann", "Ann").unwrap();
    assert_eq!(
        runtime.block_on(users.standing(&id("ann"))).unwrap(),
        Standing::active(ann)
    );
}

/// The file that the child process of the next test stores into.
const CHILD: &str = "SQLITE_FILES_CHILD";
const KILLS: usize = 10;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(path) = env::var_os(CHILD) {
        return decide_until_killed(Path::new(&path));
    }
    let runtime = runtime();
    for _ in 0..KILLS {
        let folder = TempDir::new().unwrap();
        let acknowledged = kill_at_a_random_moment(&file(&folder));
        let held = load(&runtime, &SqliteRevocations::open(file(&folder)).unwrap());
        assert!(
            held == outcome_of(acknowledged) || held == outcome_of(acknowledged + 1),
            "{acknowledged} acknowledged, but {} entries are held",
            held.len()
        );
    }
}

/// The user of one decision. Every third decision restores the one of the decision before.
fn decided(number: usize) -> (UserId, bool) {
    match number % 3 {
        2 => (id(&format!("player-{}", number - 1)), false),
        _ => (id(&format!("player-{number}")), true),
    }
}

/// What the store holds after this many decisions.
fn outcome_of(decisions: usize) -> Vec<Revocation> {
    let mut barred = Vec::new();
    for (user, bar) in (0..decisions).map(decided) {
        if bar {
            barred.push(Revocation::user(user))
        } else {
            barred.retain(|entry| entry.subject != Subject::User(user.clone()))
        }
    }
    sorted(barred)
}

/// The child: stores decisions one after the other, with a line for each that was acknowledged.
fn decide_until_killed(path: &Path) {
    let runtime = runtime();
    let store = SqliteRevocations::open(path).unwrap();
    for number in 0..100_000 {
        let (user, bar) = decided(number);
        let entry = bar.then(|| Revocation::user(user.clone()));
        let subject = user.into();
        let kept = store.replace(&subject, entry.as_slice());
        runtime.block_on(kept).unwrap();
        std::io::stderr()
            .write_all(format!("stored {number}\n").as_bytes())
            .unwrap();
    }
}

/// How many decisions the child had acknowledged when it was killed.
fn kill_at_a_random_moment(path: &Path) -> usize {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "what_was_acknowledged_survives_a_kill",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    lines.read_line(&mut told).unwrap();
    let pause = getrandom::u32().unwrap() % 60_000;
    thread::sleep(Duration::from_micros(pause.into()));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.read_to_string(&mut told).unwrap();
    let whole = told
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole
        .enumerate()
        .inspect(|(number, line)| assert_eq!(*line, format!("stored {number}\n")))
        .count()
}

#[test]
fn only_tokens_of_the_users_version_are_accepted() {
    let (folder, runtime) = (TempDir::new().unwrap(), runtime());
    let path = file(&folder);
    drop(SqliteDirectory::open(&path).unwrap());
    let change = |sql: &'static str| drop(other_program(&runtime, &path, &[sql]));
    change("ALTER TABLE users ADD COLUMN token_version INTEGER");
    change("INSERT INTO users (id, name) VALUES ('ann', 'Ann')");
    let secret = [7; 32];
    let tokens = JwtAuthenticator::hs256(secret).unwrap();
    let tokens = tokens.users(SqliteDirectory::open(&path).unwrap());
    let enter = |version: serde_json::Value| {
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut claims = serde_json::json!({"sub": "ann", "iat": now, "exp": now + 60});
        if !version.is_null() {
            claims["ver"] = version;
        }
        let key = jsonwebtoken::EncodingKey::from_secret(&secret);
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        let request = HandshakeRequest::for_test(Some(Credential::new(token)));
        runtime.block_on(tokens.authenticate(&request)).map(|_| ())
    };
    let none = serde_json::Value::Null;
    assert!(enter(none.clone()).is_ok(), "no version is asked for");
    change("UPDATE users SET token_version = 3");
    assert!(enter(3.into()).is_ok());
    for other in [
        none,
        2.into(),
        4.into(),
        "3".into(),
        3.5.into(),
        (-3).into(),
    ] {
        let refusal = enter(other.clone()).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Unauthorized, "{other}");
    }
    change("UPDATE users SET token_version = -1");
    assert_eq!(
        enter(3.into()).unwrap_err().kind(),
        RefusalKind::Unavailable
    );
}
