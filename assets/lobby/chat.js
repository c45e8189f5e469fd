// All conversations, kept up to date by the connection. Whoever shows them is told after each change.

import { Bouncer, Refused } from "/client/index.js";
import { Conversation } from "./conversation.js";
import { mentions } from "./mentions.js";
import { rememberRooms } from "./session.js";
import { Speech } from "./speech.js";
import { causeWords, refusalWords, roomTitle } from "./words.js";

const FIRST_ROOM = "lobby";
const OLDER_FAILED_MS = 3_000;

export class Chat {
  conversations = new Map();
  offered = [];
  speech = new Speech();
  state = { name: "closed" };
  rank = 0;
  limits = { text_length: 500 };
  // What went wrong last, in words.
  problem = null;
  #drawing = false;

  // `draw` is called with this after changes, `remembered` are the rooms to come back to.
  constructor({ session, renew, remembered, draw }) {
    this.me = session.user;
    this.draw = draw;
    this.wanted = new Set(remembered?.joined ?? [FIRST_ROOM]);
    this.open = this.#room(remembered?.open ?? [...this.wanted][0] ?? FIRST_ROOM);
    this.wanted.add(this.open.room);
    this.lastRoom = this.open;
    this.bouncer = new Bouncer({ url: session.ws_url, token: session.token, renew });
    const heard = {
      state: (state) => this.#onState(state),
      hello: (hello) => this.#onHello(hello),
      message: (message) => this.#onMessage(message),
      deleted: ({ room, mid }) => this.#room(room).markDeleted(mid),
      whisper: (whisper) => this.#onWhisper(whisper),
      typing: ({ room, from }) => from.id !== this.me.id && this.#room(room).setTyping(from),
      presence: ({ room, members, joined, left }) =>
        this.#room(room).setMembers(members, joined, left, this.me),
      rules: ({ room, rules }) => this.#setRules(this.#room(room), rules),
      gap: ({ room }) => this.#room(room).addEvent("Messages may be missing here."),
      closed: ({ room }) => this.#drop(room, `${roomTitle(room)} was closed.`),
      muted: (mute) => this.speech.mute(mute),
      unmuted: (mute) => this.speech.unmute(mute),
    };
    for (const [event, hear] of Object.entries(heard)) {
      this.bouncer.on(event, (detail) => {
        hear(detail);
        this.changed();
      });
    }
  }

  // Draws once for all changes of this moment.
  changed() {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      this.draw(this);
    });
  }

  get isOnline() {
    return this.state.name === "online";
  }

  #room(room) {
    return this.#conversation({ room });
  }

  #conversation(what) {
    const made = new Conversation(what);
    const known = this.conversations.get(made.key);
    if (!known) this.conversations.set(made.key, made);
    return known ?? made;
  }

  #onState(state) {
    this.state = state;
    if (this.isOnline) return;
    // Whoever is kicked is back in a moment, and should still read why.
    if (state.cause?.code === "kicked") this.open.addEvent(causeWords(state.cause, null));
    for (const conversation of this.conversations.values()) conversation.typing.clear();
  }

  #onHello({ user, rank, limits }) {
    Object.assign(this, { me: user, rank, limits });
    this.speech.forget();
    this.loadRooms();
    for (const room of this.wanted) if (!this.#room(room).isJoined) this.enter(room);
  }

  #onMessage(message) {
    const conversation = this.#room(message.room);
    if (!conversation.add(message, this.me)) return;
    if (!message.isOld || conversation.isLoaded) this.#notice(conversation, message);
  }

  #onWhisper({ mid, ts, from, to, text }) {
    const person = from.id === this.me.id ? to : from;
    const conversation = this.#conversation({ person });
    if (conversation.add({ mid, ts, from, text }, this.me)) this.#notice(conversation, { from, text });
  }

  #notice(conversation, { from, text }) {
    const isSeen = conversation === this.open && !document.hidden;
    if (isSeen || from?.id === this.me.id || text === null) return;
    conversation.unread += 1;
    conversation.isMentioned ||= mentions(text, this.me.name);
  }

  #setRules(conversation, rules) {
    if (rules.slow_ms === 0) this.speech.forgetSlow(conversation.room);
    conversation.rules = rules;
  }

  async loadRooms() {
    this.offered = await this.bouncer.rooms().catch(() => this.offered);
    this.changed();
  }

  async enter(room) {
    const conversation = this.#room(room);
    this.wanted.add(room);
    this.problem = null;
    try {
      const { rules, members, messages, more } = await this.bouncer.join(room);
      for (const message of messages) conversation.add(message, this.me);
      conversation.setMembers(members, [], [], this.me);
      this.#setRules(conversation, rules);
      Object.assign(conversation, { isJoined: true, isLoaded: true, more });
      this.#remember();
    } catch (error) {
      // After a lost connection it is tried again with the next one.
      if (!(error instanceof Refused)) throw error;
      if (error.code !== "closed") this.#drop(room, `${roomTitle(room)}: ${refusalWords(error)}`);
    }
    this.changed();
  }

  #drop(room, words) {
    this.wanted.delete(room);
    const conversation = this.#room(room);
    this.conversations.delete(conversation.key);
    if (this.open === conversation) this.#openAnother();
    this.problem = words;
    this.#remember();
    this.loadRooms();
  }

  #openAnother() {
    const [first = FIRST_ROOM] = this.wanted;
    this.show(this.#room(first));
  }

  #remember() {
    rememberRooms({ joined: [...this.wanted], open: this.lastRoom.room });
  }

  show(conversation) {
    this.problem = null;
    this.open.isReading = false;
    this.open = conversation;
    if (conversation.room !== null) this.lastRoom = conversation;
    conversation.markRead();
    this.#remember();
    this.changed();
  }

  showRoom(room) {
    const conversation = this.#room(room);
    if (!conversation.isJoined && this.isOnline) this.enter(room);
    this.wanted.add(room);
    this.show(conversation);
  }

  showPerson(person) {
    this.show(this.#conversation({ person }));
  }

  // Leaves a room, or closes the whispers with somebody.
  async leave(conversation) {
    if (conversation.room !== null) {
      this.wanted.delete(conversation.room);
      this.bouncer.leave(conversation.room).catch(() => {}).then(() => this.loadRooms());
    }
    this.conversations.delete(conversation.key);
    this.#openAnother();
  }

  async send(conversation, text) {
    const line = conversation.addOutgoing(text);
    this.changed();
    const { room, person } = conversation;
    try {
      const said = await (person ? this.bouncer.whisper(person.id, text) : this.bouncer.say(room, text));
      conversation.confirm(line, said, this.me);
      if (this.rank === 0) this.speech.spoke(room, conversation.rules.slow_ms);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const retryAt = error.retryMs ? Date.now() + error.retryMs : 0;
      conversation.fail(line, refusalWords(error), retryAt);
      this.speech.learn(error, room);
    }
    this.changed();
  }

  // One page further back. Resolves when it is there.
  async loadOlder(conversation) {
    if (conversation.isLoadingOlder || !conversation.more || !this.isOnline) return;
    conversation.isLoadingOlder = true;
    this.changed();
    try {
      const before = conversation.firstNumber();
      conversation.addOlder(await this.bouncer.history(conversation.room, { before }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, OLDER_FAILED_MS));
    }
    conversation.isLoadingOlder = false;
    this.changed();
  }

  seen() {
    this.open.markRead();
    this.changed();
  }
}
