// The order of one room's messages.

import { messageOf } from "./message.js";

// Messages that wait for missing ones before them.
const HELD = 1_000;
// Messages that are recognised when they come again.
const SEEN = 1_000;

// Brings the messages of one room into their order, each once, and asks for those that are missing.
export class Room {
  name;
  epoch;
  isLive = false;
  isAsking = false;
  // Whether the page has asked for it.
  isWanted = false;
  isOver = false;
  members = new Map();
  typedAt = 0;
  // Callers of join() who have no answer yet.
  waiting = [];
  #emit;
  #ask;
  // The last number that was shown, or given up.
  #last = 0;
  #lastMid;
  // The room's last number when it was joined: messages up to it are old.
  #joinedAt = 0;
  // Messages that came before the answer to room.join, which says where they belong.
  #early = [];
  // By number: messages that came after a missing one.
  #held = new Map();
  // By mid: whether it is known to be deleted.
  #seen = new Map();
  #isFilling = false;

  constructor(name, emit, ask) {
    this.name = name;
    this.#emit = (event, detail) => this.isOver || emit(event, { room: name, ...detail });
    this.#ask = ask;
  }

  joined({ epoch, seq, rules, count, members, messages = [] }) {
    const page = messages.map(messageOf);
    const early = this.#early.splice(0);
    if (epoch !== this.epoch) this.#countAnew(epoch, page, seq);
    this.#joinedAt = seq;
    this.isLive = true;
    this.members = new Map(members.map((user) => [user.id, user]));
    this.#emit("rules", { rules });
    this.#emit("presence", { members, joined: [], left: [] });
    for (const message of [...page, ...early]) this.#hold(message);
    this.#advance();
    return { room: this.name, rules, count, members, messages: page };
  }

  // The room was opened again, or is on another server. If it has what was shown last, nothing is missing.
  #countAnew(epoch, page, seq) {
    this.giveUp();
    const hasLast = page.some((message) => message.mid === this.#lastMid);
    if (this.epoch !== undefined && !hasLast) this.#emit("gap");
    this.#last = (page[0]?.seq ?? seq + 1) - 1;
    this.#lastMid = undefined;
    this.epoch = epoch;
  }

  // The connection is lost. What is held stays: the server may not remember it when we are back.
  interrupted() {
    this.isLive = this.isAsking = this.#isFilling = false;
    this.#early = [];
  }

  said(message) {
    if (!this.isLive) {
      this.#early.push(message);
      // Those that are dropped here are asked for later.
      if (this.#early.length > HELD) this.#early.shift();
      return;
    }
    this.#hold(message);
    if (this.#held.size > HELD) this.#skip();
    this.#advance();
  }

  deleted(seq, mid) {
    const held = [...this.#early, ...this.#held.values()].find((message) => message.mid === mid);
    if (held) held.text = null;
    else {
      if (this.#seen.has(mid)) this.#seen.set(mid, true);
      this.#emit("deleted", { seq, mid });
    }
  }

  present({ joined, left }) {
    // The answer to room.join has the members of a later time than what comes before it.
    if (!this.isLive) return;
    const came = joined.filter((user) => !this.members.has(user.id));
    const gone = left.map((id) => this.members.get(id)).filter(Boolean);
    for (const id of left) this.members.delete(id);
    for (const user of joined) this.members.set(user.id, user);
    this.#emit("presence", { members: [...this.members.values()], joined: came, left: gone });
  }

  // Shows what is held, whatever is missing between.
  giveUp() {
    while (this.#held.size > 0 && !this.isOver) {
      this.#skip();
      this.#drain();
    }
  }

  #hold(message) {
    const { seq, mid } = message;
    if (seq > this.#last) {
      if (!this.#held.has(seq)) this.#held.set(seq, message);
    } else if (message.text === null && this.#seen.get(mid) === false) {
      // It was deleted while the connection was lost.
      this.deleted(seq, mid);
    }
  }

  #drain() {
    for (;;) {
      const message = this.#held.get(this.#last + 1);
      if (!message || this.isOver) return;
      this.#held.delete(message.seq);
      this.#last = message.seq;
      this.#lastMid = message.mid;
      this.#show(message);
    }
  }

  #show(message) {
    const isDeleted = message.text === null;
    if (this.#seen.has(message.mid)) {
      if (isDeleted && !this.#seen.get(message.mid)) this.deleted(message.seq, message.mid);
      return;
    }
    this.#seen.set(message.mid, isDeleted);
    if (this.#seen.size > SEEN) this.#seen.delete(this.#seen.keys().next().value);
    this.#emit("message", { ...message, isOld: message.seq <= this.#joinedAt });
  }

  // Goes on without those that are missing.
  #skip() {
    this.#last = this.#firstHeld() - 1;
    this.#lastMid = undefined;
    this.#emit("gap");
  }

  // Without any that are held, the one after the last that was said before we joined is the next to come.
  #firstHeld() {
    if (this.#held.size === 0) return Math.max(this.#joinedAt, this.#last) + 1;
    return [...this.#held.keys()].reduce((first, seq) => Math.min(first, seq));
  }

  #advance() {
    this.#drain();
    const before = this.#firstHeld();
    if (this.#isFilling || !this.isLive || this.isOver || before === this.#last + 1) return;
    this.#isFilling = true;
    const fields = { room: this.name, after: this.#last, before };
    const goOn = (messages) => {
      this.#isFilling = false;
      for (const message of messages) this.#hold(messageOf(message));
      // The server does not have them. (When too many were held, they were given up meanwhile.)
      if (this.#last === fields.after && !this.#held.has(this.#last + 1)) this.#skip();
      this.#advance();
    };
    const done = (ack) => goOn(ack.epoch === this.epoch ? ack.messages : []);
    const failed = (error) => error.code === "closed" || goOn([]);
    this.#ask("chat.history", fields, done, failed);
  }
}
