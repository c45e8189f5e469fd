// Until when I may not speak, and why.

export class Speech {
  // By room; under "" everywhere.
  #mutes = new Map();
  #slow = new Map();
  #rate = 0;

  mute({ room = "", until, reason }) {
    this.#mutes.set(room, { until, reason });
  }

  // Without a room it ends everywhere.
  unmute({ room = "" }) {
    this.#mutes.delete(room);
  }

  // All that was known: the server says it anew after each hello.
  forget() {
    this.#mutes.clear();
  }

  // The longest mute that counts in this room, or null. Whispers only know the one everywhere.
  muted(room) {
    const counting = [["", this.#mutes.get("")], [room, room === null ? undefined : this.#mutes.get(room)]]
      .filter(([, mute]) => mute && mute.until > Date.now())
      .sort(([, a], [, b]) => b.until - a.until);
    return counting.length ? { everywhere: counting[0][0] === "", ...counting[0][1] } : null;
  }

  // After a message in a room with slow mode.
  spoke(room, slowMs) {
    if (slowMs > 0) this.#slow.set(room, Date.now() + slowMs);
  }

  forgetSlow(room) {
    this.#slow.delete(room);
  }

  // What a refusal tells.
  learn({ code, retryMs }, room) {
    const until = Date.now() + (retryMs ?? 0);
    if (code === "rate_limited") this.#rate = until;
    if (code === "slow_mode") this.#slow.set(room, until);
    if (code === "muted" && retryMs && !this.muted(room)) this.mute({ room: room ?? "", until });
  }

  // When the next message may be sent: { until, why } or null.
  pause(room) {
    const slow = this.#slow.get(room) ?? 0;
    const until = Math.max(slow, this.#rate);
    return until > Date.now() ? { until, why: slow >= this.#rate ? "slow" : "rate" } : null;
  }
}
