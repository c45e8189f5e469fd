//! What a crowd of attackers costs the server's memory and the others' time.

use std::{
    sync::{PoisonError, atomic::Ordering},
    thread,
    time::Duration,
};

use attack::Keys;
use serde_json::json;

use crate::{
    Effort, Outcome,
    client::{BINARY, CONTINUATION, PING, TEXT, frame},
    crowd::{ATTACKERS, Crowd, Ears, SLOW, message},
    players::{PAUSE, PLAYERS, Players},
    server::Server,
    statistics::{counts, mebibytes, median, milliseconds, percentile, verdict},
};

const BROADCAST_BYTES: usize = 4096;
const MESSAGE_BYTES: usize = 64 * 1024;
const SETTLED: Duration = Duration::from_secs(1);
const GOAL_MIB: f64 = 4.0;
const GOAL_RATIO: f64 = 2.0;

struct Attack {
    name: &'static str,
    /// What the server broadcasts in each tick, also when it is quiet.
    broadcast: usize,
    attack: fn(&Crowd),
}

const ATTACKS: [Attack; 8] = [
    Attack {
        name: "nothing, for comparison",
        broadcast: 0,
        attack: |_| {},
    },
    Attack {
        name: "pings of 125 bytes",
        broadcast: 0,
        attack: |crowd| crowd.flood(Ears::Open, &[], &message(PING, &[0; 125])),
    },
    Attack {
        name: "the same, and nobody reads the pongs",
        broadcast: 0,
        attack: |crowd| crowd.flood(Ears::Deaf, &[], &message(PING, &[0; 125])),
    },
    Attack {
        name: "fragments of one byte, unfinished",
        broadcast: 0,
        attack: |crowd| {
            crowd.flood(Ears::Open, &frame(TEXT, b"x"), &frame(CONTINUATION, b"x"));
        },
    },
    Attack {
        name: "empty continuation frames",
        broadcast: 0,
        attack: |crowd| {
            crowd.flood(Ears::Open, &frame(TEXT, b"x"), &frame(CONTINUATION, b""));
        },
    },
    Attack {
        name: "not reading 4 KiB of broadcast a tick",
        broadcast: BROADCAST_BYTES,
        attack: Crowd::never_read,
    },
    Attack {
        name: "messages of 64 KiB",
        broadcast: 0,
        attack: |crowd| {
            crowd.flood(Ears::Open, &[], &message(BINARY, &vec![0; MESSAGE_BYTES]));
        },
    },
    Attack {
        name: "heads byte by byte",
        broadcast: 0,
        attack: Crowd::send_heads_slowly,
    },
];

pub fn run(effort: Effort) -> Outcome<()> {
    println!("### Floods\n");
    println!(
        "{PLAYERS} players who each ask again {} ms after their echo; {ATTACKERS} attackers ({SLOW} with \
         slow heads), who come again when they are cut; {} round(s) of {} s quiet and {} s of attack. \
         Medians of the rounds; growth is the most that was resident in any of them, less what was before the first.\n",
        PAUSE.as_millis(),
        effort.rounds,
        effort.half.as_secs(),
        effort.half.as_secs()
    );
    println!(
        "| attackers send | MiB sent | growth, MiB (goal ≤ {GOAL_MIB}) | others' echo p99 quiet, ms \
         | attacked, ms | ratio (goal ≤ {GOAL_RATIO}) | others lost | frame p99 quiet / attacked, ms \
         | endings they saw | server's reasons | |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for attack in &ATTACKS {
        measure(attack, effort)?;
    }
    println!();
    Ok(())
}

fn measure(attack: &Attack, effort: Effort) -> Outcome<()> {
    let mut server = Server::start(Keys::Hs256, &json!({}))?;
    server.broadcast(attack.broadcast)?;
    let players = Players::join(&server)?;
    thread::sleep(SETTLED);
    let crowd_of = |server: &Server| Crowd::new(server.address);
    let mut before = None;
    let (mut most, mut bytes) = (0, 0);
    let (mut quiet, mut attacked) = (Vec::new(), Vec::new());
    let (mut quiet_frames, mut attacked_frames) = (Vec::new(), Vec::new());
    let (mut seen, mut reasons) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        players.take();
        server.report()?;
        thread::sleep(effort.half);
        quiet.push(milliseconds(percentile(&mut players.take(), 99)));
        quiet_frames.push(server.report()?.frame_p99);
        let crowd = crowd_of(&server);
        before = before.or(Some(server.resident_bytes()?));
        thread::scope(|scope| {
            let attacking = crowd.begin(scope, attack.attack);
            let watched = server.watch(effort.half);
            attacked.push(milliseconds(percentile(&mut players.take(), 99)));
            crowd.stop();
            most = most.max(watched?);
            attacking.join().map_err(|_| "an attacker broke")??;
            Outcome::Ok(())
        })?;
        let report = server.report()?;
        attacked_frames.push(report.frame_p99);
        reasons.push(report.thrown_out);
        bytes += crowd.bytes.load(Ordering::Relaxed);
        let endings = crowd.endings.lock();
        seen.push(counts(&endings.unwrap_or_else(PoisonError::into_inner)));
        thread::sleep(SETTLED);
    }
    let ratios = attacked
        .iter()
        .zip(&quiet)
        .map(|(with, without)| with / without);
    let ratio = median(ratios.collect());
    let growth = mebibytes(most.saturating_sub(before.unwrap_or(most)));
    let lost = players.lost();
    let met = growth <= GOAL_MIB && ratio <= GOAL_RATIO && lost == 0;
    println!(
        "| {} | {:.1} | {growth:.2} | {:.1} | {:.1} | {ratio:.2} | {lost} | {:.2} / {:.2} | {} | {} | {} |",
        attack.name,
        mebibytes(bytes),
        median(quiet),
        median(attacked),
        median(quiet_frames),
        median(attacked_frames),
        seen.first().map_or("", String::as_str),
        reasons.first().map_or("", String::as_str),
        verdict(met),
    );
    Ok(())
}
