//! The feature list, from outside: a real listener, real clients, a real app that is ticked.
//!
//! Files `p01` to `p16` each hold one promise of the README.

#[path = "../support/mod.rs"]
mod support;

mod duplicate_logins;
mod idle_ticks;
mod log_lines;
mod p01_nobody_waits_inside;
mod p02_101_means_you_are_in;
mod p03_identity_is_the_servers;
mod p04_between_two_steps;
mod p04_everyone_leaves_exactly_once;
mod p05_out_means_out;
mod p05_what_was_queued;
mod p06_barred_stays_barred;
mod p07_no_session_outlives_its_token;
mod p08_the_frame_never_waits;
mod p09_budgets_of_an_address;
mod p09_nothing_is_unbounded;
mod p10_order_is_kept;
mod p11_a_bad_client_harms_only_itself;
mod p13_clients_learn_what_to_do;
mod p15_nothing_decided_is_lost;
mod p16_roles_are_the_directorys;
mod player_commands;
mod plugin_order;
mod preflight;
mod rechecks;
mod refresh;
mod resume;
mod sessions;
mod waking_runner;
