//! What revocations and chat cost on one, two and three nodes over one Redis server.

mod players;
mod processes;

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use players::{Heard, Player, join};
use processes::{Node, PATIENCE, Redis};

/// Revocations of one player each.
const REVOCATIONS: usize = 300;
/// Of these, how many are under way at the same time.
const AT_ONCE: usize = 8;
const CHAT: Duration = Duration::from_secs(10);
const MESSAGES_PER_SECOND: u32 = 10;

#[tokio::main]
async fn main() {
    let players = std::env::args()
        .nth(1)
        .map_or(3000, |count| count.parse().expect("a number of players"));
    let folder = std::env::temp_dir().join(format!("bouncer-cluster-{}", std::process::id()));
    println!("{players} players, evenly on the nodes; all processes share this machine's cores.\n");
    let mut rows = Vec::new();
    for nodes in 1..=3 {
        let folder = folder.join(nodes.to_string());
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        rows.push(Fleet::start(&folder, nodes, players).await.measure().await);
    }
    print(&rows);
    let _ = std::fs::remove_dir_all(folder);
}

struct Fleet {
    redis: Redis,
    nodes: Vec<Node>,
    players: Vec<Option<Player>>,
    heard: Arc<Heard>,
    begun: Instant,
}

struct Row {
    nodes: usize,
    logins_per_second: f64,
    chat_expected: u64,
    chat_heard: u64,
    chat: Vec<Duration>,
    node_cpu: f64,
    redis_cpu: f64,
    from_request: Vec<Duration>,
    from_acknowledgement: Vec<Duration>,
    came_back: usize,
    restart: Duration,
    everyone: Vec<Duration>,
}

impl Fleet {
    async fn start(folder: &Path, nodes: usize, players: usize) -> Self {
        let redis = Redis::start(folder);
        let nodes = (0..nodes)
            .map(|number| Node::start(folder, number, players, &redis))
            .collect();
        Self {
            redis,
            nodes,
            players: (0..players).map(|_| None).collect(),
            heard: Arc::default(),
            begun: Instant::now(),
        }
    }

    fn home(&self, player: usize) -> usize {
        player % self.nodes.len()
    }

    /// Everybody who is out joins, some at a time.
    async fn join_all(&mut self, players: impl Iterator<Item = usize>) -> f64 {
        let begun = Instant::now();
        let players: Vec<_> = players.collect();
        for some in players.chunks(64) {
            let joining: Vec<_> = some
                .iter()
                .map(|&player| {
                    let to = self.nodes[self.home(player)].game;
                    let (heard, begun) = (self.heard.clone(), self.begun);
                    tokio::spawn(async move { join(to, &format!("u{player}"), begun, heard).await })
                })
                .collect();
            for (&player, joined) in some.iter().zip(joining) {
                let joined = joined.await.expect("no panic");
                self.players[player] = Some(joined.expect("everybody may come in"));
            }
        }
        players.len() as f64 / begun.elapsed().as_secs_f64()
    }

    async fn measure(mut self) -> Row {
        let all = self.players.len();
        let logins_per_second = self.join_all(0..all).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (node_cpu, redis_cpu, said) = self.chat().await;
        let chat = std::mem::take(&mut *self.heard.delays.lock().expect("nobody panics with it"));
        let chat_heard = self.heard.messages.load(Ordering::Relaxed);
        let (from_request, from_acknowledgement) = self.revoke_some().await;
        let came_back = self.try_the_revoked().await;
        let restart = self.kill_and_restart().await;
        let everyone = self.revoke_everyone().await;
        Row {
            nodes: self.nodes.len(),
            logins_per_second,
            chat_expected: said * all as u64,
            chat_heard,
            chat,
            node_cpu,
            redis_cpu,
            from_request,
            from_acknowledgement,
            came_back,
            restart,
            everyone,
        }
    }

    fn cpu(&self) -> (f64, f64) {
        let nodes = self.nodes.iter().filter_map(|node| node.process.as_ref());
        (
            nodes.map(|process| process.cpu()).sum(),
            self.redis.process.cpu(),
        )
    }

    /// Players of all nodes say something to everybody. Returns processor seconds of all nodes and of
    /// Redis, and how many messages were said.
    async fn chat(&mut self) -> (f64, f64, u64) {
        let before = self.cpu();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / MESSAGES_PER_SECOND);
        let messages = CHAT.as_secs() * u64::from(MESSAGES_PER_SECOND);
        for number in 0..messages {
            ticks.tick().await;
            let speaker = number as usize % self.players.len();
            let text = format!("at {}", self.begun.elapsed().as_micros());
            if let Some(player) = &self.players[speaker] {
                player.say.send(text).await.expect("the player is in");
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = self.cpu();
        (after.0 - before.0, after.1 - before.1, messages)
    }

    /// Each player is revoked by another node than the own, several at a time.
    async fn revoke_some(&mut self) -> (Vec<Duration>, Vec<Duration>) {
        let (mut from_request, mut from_acknowledgement) = (Vec::new(), Vec::new());
        let nodes = Arc::new(std::mem::take(&mut self.nodes));
        let revoked: Vec<_> = (0..REVOCATIONS).collect();
        for some in revoked.chunks(AT_ONCE) {
            let asked: Vec<_> = some
                .iter()
                .map(|&player| {
                    let nodes = nodes.clone();
                    tokio::task::spawn_blocking(move || {
                        let asked = Instant::now();
                        let elsewhere = &nodes[(player + 1) % nodes.len()];
                        let done = elsewhere.revoke(&format!(r#"{{"user":"u{player}"}}"#));
                        (asked, done)
                    })
                })
                .collect();
            for (&player, asked) in some.iter().zip(asked) {
                let (asked, acknowledged) = asked.await.expect("no panic");
                let gone = self.players[player].take().expect("the player was in");
                let ended = tokio::time::timeout(PATIENCE, gone.ended).await;
                let (at, code) = ended.expect("the player is cut").expect("no panic");
                assert_eq!(code, 4101, "u{player}");
                from_request.push(at - asked);
                from_acknowledgement.push(at.saturating_duration_since(acknowledged));
            }
        }
        self.nodes = Arc::into_inner(nodes).expect("everybody has answered");
        (from_request, from_acknowledgement)
    }

    /// How many of the revoked some node lets in; there should be none.
    async fn try_the_revoked(&self) -> usize {
        let mut came_back = 0;
        for player in 0..REVOCATIONS {
            for node in &self.nodes {
                let user = format!("u{player}");
                match join(node.game, &user, self.begun, self.heard.clone()).await {
                    Ok(_) => came_back += 1,
                    Err(status) => assert_eq!(status, 401, "{user}"),
                }
            }
        }
        came_back
    }

    /// The last node dies and comes back, and so do its players; the revoked stay out.
    async fn kill_and_restart(&mut self) -> Duration {
        let last = self.nodes.len() - 1;
        self.nodes[last].kill();
        let lost: Vec<_> = (REVOCATIONS..self.players.len())
            .filter(|player| self.home(*player) == last)
            .collect();
        for &player in &lost {
            self.players[player] = None;
        }
        let restart = self.nodes[last].restart();
        for player in 0..20 {
            let (to, heard) = (self.nodes[last].game, self.heard.clone());
            let answer = join(to, &format!("u{player}"), self.begun, heard).await;
            assert_eq!(answer.err(), Some(401), "the revoked stay out");
        }
        self.join_all(lost.into_iter()).await;
        restart
    }

    /// One decision that cuts everybody.
    async fn revoke_everyone(&mut self) -> Vec<Duration> {
        let acknowledged = self.nodes[0].revoke(r#"{"everyone":true}"#);
        let mut delays = Vec::new();
        for player in self.players.iter_mut().filter_map(Option::take) {
            let ended = tokio::time::timeout(PATIENCE, player.ended).await;
            let (at, code) = ended.expect("the player is cut").expect("no panic");
            assert_eq!(code, 4101);
            delays.push(at.saturating_duration_since(acknowledged));
        }
        delays
    }
}

fn percentile(delays: &[Duration], part: f64) -> f64 {
    let mut sorted = delays.to_vec();
    sorted.sort_unstable();
    let place = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len());
    sorted[place - 1].as_secs_f64() * 1000.0
}

fn print(rows: &[Row]) {
    println!("### Revocations\n");
    println!(
        "{REVOCATIONS} players, each revoked by the operator's API of another node, {AT_ONCE} at a time; then everybody \
         at once. Delays are until the player has the Close, in ms.\n"
    );
    println!(
        "| nodes | from the request p50 | p99 | from the acknowledgement p50 | p99 (goal ≤ 1000) | longest | came back (goal 0) | everyone: p50 | p99 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {:.1} | {:.1} |",
            row.nodes,
            percentile(&row.from_request, 0.5),
            percentile(&row.from_request, 0.99),
            percentile(&row.from_acknowledgement, 0.5),
            percentile(&row.from_acknowledgement, 0.99),
            percentile(&row.from_acknowledgement, 1.0),
            row.came_back,
            percentile(&row.everyone, 0.5),
            percentile(&row.everyone, 0.99),
        );
    }
    println!("\n### Chat, logins and a restart\n");
    println!(
        "{MESSAGES_PER_SECOND} messages a second to everybody, from players of all nodes in turn, for {} s. A node is killed and \
         started again: until it lets players in.\n",
        CHAT.as_secs()
    );
    println!(
        "| nodes | logins a second | heard / expected | delay p50, ms | p99, ms | processor of all nodes, ms per message | of Redis, ms per message | restart, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        let messages = CHAT.as_secs_f64() * f64::from(MESSAGES_PER_SECOND);
        println!(
            "| {} | {:.0} | {} / {} | {:.1} | {:.1} | {:.1} | {:.2} | {:.0} |",
            row.nodes,
            row.logins_per_second,
            row.chat_heard,
            row.chat_expected,
            percentile(&row.chat, 0.5),
            percentile(&row.chat, 0.99),
            row.node_cpu * 1000.0 / messages,
            row.redis_cpu * 1000.0 / messages,
            row.restart.as_secs_f64() * 1000.0,
        );
    }
}
