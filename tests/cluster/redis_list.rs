//! The shared list in Redis: trimmed, lost, written by a newer version, and ended by one clock.

use std::time::Duration;

use bevy_bouncer::*;
use redis::{Cmd, Connection, cmd, pipe};
use serde_json::json;

use crate::{backplane, fleet::*, list, server::Server, support::*};

const LIST: &str = "bevy_bouncer:list";
const LOG: &str = "bevy_bouncer:log";

/// Another program's connection.
fn open(server: &Server) -> Connection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_connection().unwrap()
}

/// Puts entries into the list, and nothing into the log.
fn put(entries: &[Revocation]) -> Cmd {
    let mut put = cmd("HSET");
    put.arg(LIST);
    put.arg(serde_json::to_string(&entries[0].subject).unwrap());
    put.arg(serde_json::to_string(entries).unwrap());
    put
}

/// Appends a decision to the log, and changes nothing in the list.
fn append(decision: &Decision) -> Cmd {
    let issue = json!({ "number": 1, "node": "another", "decision": decision });
    let mut append = cmd("XADD");
    append.arg(LOG).arg("*").arg("issue").arg(issue.to_string());
    append
}

fn asked<T>(question: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(question)
}

#[test]
fn p06_a_revocation_that_only_the_list_has_ends_sessions() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut fleet = list::comparing(|| backplane(&server), Duration::from_millis(100));
    list::what_only_the_list_says_ends_sessions(&mut fleet, |_, entry| {
        put(&[entry]).exec(&mut open(&server)).unwrap();
    });
}

#[test]
fn a_restoration_that_only_the_list_has_counts() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut fleet = list::comparing(|| backplane(&server), Duration::from_millis(100));
    list::what_only_the_list_restores_comes_in(&mut fleet, |_, subject| {
        let mut remove = cmd("HDEL");
        remove
            .arg(LIST)
            .arg(serde_json::to_string(&subject).unwrap());
        remove.exec(&mut open(&server)).unwrap();
    });
}

#[test]
fn p06_a_log_that_was_trimmed_is_noticed_at_once() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut fleet = list::comparing(|| backplane(&server), Duration::from_secs(3600));
    list::what_only_the_list_says_ends_sessions(&mut fleet, |_, entry| {
        let mut at_once = pipe();
        at_once
            .atomic()
            .add_command(put(std::slice::from_ref(&entry)));
        at_once.add_command(append(&Decision::Bar(entry)));
        at_once.add_command(append(&Decision::Restore(user("nobody").into())));
        at_once.cmd("XTRIM").arg(LOG).arg("MAXLEN").arg(1);
        at_once.exec(&mut open(&server)).unwrap();
    });
}

#[test]
fn p06_what_redis_forgets_stays_barred() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut fleet = list::comparing(|| backplane(&server), Duration::from_millis(100));
    let open_another = || backplane(&server);
    list::what_the_backplane_forgets_stays_barred(&mut fleet, open_another, || {
        cmd("FLUSHALL").exec(&mut open(&server)).unwrap();
    });
}

/// Also when the first thing that a node sees of it is that the log goes on.
#[test]
fn p06_what_redis_forgets_stays_barred_although_the_log_goes_on() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut fleet = list::comparing(|| backplane(&server), Duration::from_millis(100));
    let open_another = || backplane(&server);
    list::what_the_backplane_forgets_stays_barred(&mut fleet, open_another, || {
        let mut at_once = pipe();
        at_once.atomic().cmd("FLUSHALL");
        at_once.add_command(append(&Decision::Restore(user("nobody").into())));
        at_once.exec(&mut open(&server)).unwrap();
    });
}

#[test]
fn p06_a_restoration_elsewhere_does_not_undo_what_cannot_be_stored() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut operator = open(&server);
    let mut allow = |rule: &str| {
        let mut allow = cmd("ACL");
        allow.arg(&[
            "SETUSER", "node-a", "on", ">secret", "~*", "&*", "+@all", rule,
        ]);
        allow.exec(&mut operator).unwrap();
    };
    allow("+@scripting");
    let url = server.url().replace("//", "//node-a:secret@");
    let mut fleet = Fleet {
        a: node(RedisBackplane::open(&url).unwrap(), "a", |_| {}),
        b: node(backplane(&server), "b", |_| {}),
    };
    ready(&mut fleet.a);
    ready(&mut fleet.b);
    let mut marker = fleet.a.join("player-2");
    // From here on A reads, and cannot write.
    allow("-@scripting");
    assert!(block_on(fleet.a.bouncer.revoke(user("player-1"))).is_err());
    block_on(fleet.b.bouncer.restore(user("player-1"))).expect("stored");
    block_on(fleet.b.bouncer.revoke(user("player-2"))).expect("stored");
    assert_eq!(fleet.close_of(&mut marker).0, 4101, "A has heard of both");
    for _ in 0..5 {
        let answer = fleet.a.connect(&token("player-1")).err().expect("barred");
        assert_eq!(answer.status, 401);
    }
    allow("+@scripting");
    fleet.until("it is stored in the end", |fleet| {
        fleet.b.connect(&token("player-1")).is_err()
    });
}

/// What a newer version may have written.
const STRANGE: &str = r#"{"subject":{"user":"player-6"},"kind":"shadow","hours":3}"#;

#[test]
fn p06_an_entry_that_cannot_be_read_shuts_the_door_for_its_subject_alone() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut operator = open(&server);
    let mut fleet = list::comparing(|| backplane(&server), Duration::from_millis(100));
    let field = json!({ "user": "player-6" }).to_string();
    let mut at_once = pipe();
    at_once
        .atomic()
        .cmd("HSET")
        .arg(LIST)
        .arg(&field)
        .arg(format!("[{STRANGE}]"));
    let issue = format!(r#"{{"number":1,"node":"another","decision":{{"bar":{STRANGE}}}}}"#);
    at_once
        .cmd("XADD")
        .arg(LOG)
        .arg("*")
        .arg("issue")
        .arg(issue);
    at_once.exec(&mut operator).unwrap();
    // B compares its list with the shared one again and again, and goes on.
    list::what_only_the_list_says_ends_sessions(&mut fleet, |_, entry| {
        put(&[entry]).exec(&mut open(&server)).unwrap();
    });
    fleet.until("both are current", |fleet| {
        fleet.a.bouncer.is_ready() && fleet.b.bouncer.is_ready()
    });
    let mut other = claims("player-6");
    other["jti"] = "another".into();
    let answer = fleet.b.connect(&sign(&other)).err().unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    fleet.b.join("player-3");

    // Whatever else is decided about the subject leaves it there.
    let ban = Revocation::user(user("player-6")).ban();
    block_on(fleet.a.bouncer.revoke(ban)).expect("stored");
    let kept: String = cmd("HGET")
        .arg(LIST)
        .arg(&field)
        .query(&mut operator)
        .unwrap();
    assert!(kept.contains("shadow") && kept.contains("ban"), "{kept}");
    block_on(fleet.a.bouncer.restore(user("player-6"))).expect("stored");
    let kept: Option<String> = cmd("HGET")
        .arg(LIST)
        .arg(&field)
        .query(&mut operator)
        .unwrap();
    assert_eq!(kept, None);
    fleet.until("the player is in", |fleet| {
        fleet.b.connect(&token("player-6")).is_ok()
    });
}

/// Whose entry that is cannot be known: it could be anybody's.
#[test]
fn p06_a_subject_that_cannot_be_read_shuts_the_door_and_is_named() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut operator = open(&server);
    let mut fleet = list::comparing(|| backplane(&server), Duration::from_millis(100));
    let field = r#"{"address":"192.0.2.1"}"#;
    cmd("HSET")
        .arg(LIST)
        .arg(field)
        .arg("[]")
        .exec(&mut operator)
        .unwrap();
    let error = asked(backplane(&server).list(None)).err();
    assert_eq!(error, None, "it has no entries");
    cmd("HSET")
        .arg(LIST)
        .arg(field)
        .arg("[{}]")
        .exec(&mut operator)
        .unwrap();
    let error = asked(backplane(&server).list(None)).unwrap_err();
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
    fleet.until("it is not sure any more", |fleet| {
        !fleet.b.bouncer.is_ready()
    });
    cmd("HDEL")
        .arg(LIST)
        .arg(field)
        .exec(&mut operator)
        .unwrap();
    fleet.until("it goes on", |fleet| fleet.b.bouncer.is_ready());
}

/// By the clock of Redis, this ends in an hour. The nodes' is ahead.
#[test]
fn p06_a_node_whose_clock_is_ahead_ends_no_ban_of_the_others() {
    let Some(server) = Server::an_hour_behind() else {
        return;
    };
    let redis = backplane(&server);
    let timed = Revocation::user(user("player-1"))
        .ban()
        .until(unix_now() - 60);
    put(std::slice::from_ref(&timed))
        .exec(&mut open(&server))
        .unwrap();
    asked(async {
        let page = redis.list(None).await.unwrap();
        assert_eq!(
            page.subjects,
            [(timed.subject.clone(), vec![timed.clone()])]
        );
        let subjects = [timed.subject.clone()];
        assert_eq!(redis.barred(&subjects).await.unwrap().len(), 1);
        let revoke = Revocation::user(user("player-1"));
        let issue = json!({ "number": 1, "node": "a", "decision": Decision::Bar(revoke.clone()) });
        let issue: Issue = serde_json::from_value(issue).unwrap();
        redis.issue(&issue).await.unwrap();
        assert_eq!(
            redis.barred(&subjects).await.unwrap(),
            [timed.clone(), revoke]
        );
    });
}
