// All conversations, kept up to date by the connection. Whoever shows them is told after each change.

import { Bouncer, Refused } from "/client/index.js";
import { Conversation } from "./conversation.js";
import { isKick } from "./endings.js";
import { keepKeepsakes, restoreKeepsakes } from "./keepsakes.js";
import { mentions } from "./mentions.js";
import { rememberRooms } from "./session.js";
import { Speech } from "./speech.js";
import { refusalWords, roomTitle } from "./words.js";

const FIRST_ROOM = "lobby";
const OLDER_FAILED_MS = 3_000;
const AWAY = "They are away, and whispers are not kept.";

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
    restoreKeepsakes((what) => this.#conversation(what));
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
      joined: (joined) => this.#onJoined(joined),
      closed: ({ room }) => this.#drop(room, `${roomTitle(room)} is not open to you any more.`),
      notice: (notice) => this.#onNotice(notice),
      stored: ({ room, seq }) => this.#room(room).markStored(seq),
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
    // Whoever is sent out decides to come back, and has read why.
    if (state.name === "waiting" && isKick(state)) {
      this.bouncer.close();
      this.state = { name: "stopped", cause: state.cause };
      return;
    }
    this.state = state;
    if (this.isOnline) return;
    for (const conversation of this.conversations.values()) conversation.typing.clear();
  }

  // With a new token after another log-in.
  comeBack(token) {
    const isGone = this.bouncer.state.name === "closed";
    for (const { room } of this.conversations.values()) if (room !== null && isGone) this.#room(room).startAnew();
    this.bouncer.connect(token);
  }

  #onHello({ user, rank, limits }) {
    Object.assign(this, { me: user, rank, limits });
    this.speech.forget();
    for (const conversation of this.conversations.values()) conversation.forgetKeeping();
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
    if (conversation.add({ mid, ts, from, text }, this.me)) this.#notice(conversation, { mid, from, text });
    this.keepKeepsakes();
  }

  #onNotice({ room, text, tone }) {
    const conversation = this.conversations.get(`room:${room}`) ?? this.open;
    conversation.addNotice({ text, tone });
  }

  #notice(conversation, { mid, from, text }) {
    const isSeen = conversation === this.open && !document.hidden && !conversation.isReading;
    if (isSeen || from?.id === this.me.id || text === null) return;
    conversation.markFresh(mid);
    conversation.isMentioned ||= mentions(text, this.me.name);
  }

  keepKeepsakes() {
    keepKeepsakes(this.conversations.values());
  }

  // All users who are known here, but for me.
  people() {
    const known = new Map();
    for (const { members, person } of this.conversations.values()) {
      for (const user of [...members.values(), ...(person ? [person] : [])]) known.set(user.id, user);
    }
    known.delete(this.me.id);
    return [...known.values()];
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
    this.wanted.add(room);
    this.problem = null;
    try {
      this.#onJoined(await this.bouncer.join(room));
    } catch (error) {
      // After a lost connection it is tried again with the next one.
      if (!(error instanceof Refused)) throw error;
      if (error.code !== "closed") this.#drop(room, `${roomTitle(room)}: ${refusalWords(error)}`);
    }
    this.changed();
  }

  // The page has asked for it, or the game has put me there.
  #onJoined({ room, rules, members, messages, more }) {
    const conversation = this.#room(room);
    this.wanted.add(room);
    for (const message of messages) conversation.add(message, this.me);
    conversation.setMembers(members, [], [], this.me);
    this.#setRules(conversation, rules);
    Object.assign(conversation, { isJoined: true, isLoaded: true, more });
    this.#remember();
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
    Object.assign(this.open, { isReading: false, fresh: this.open === conversation ? this.open.fresh : null });
    this.open = conversation;
    if (conversation.room !== null) this.lastRoom = conversation;
    conversation.markRead();
    this.#remember();
    this.keepKeepsakes();
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
    conversation.fresh = null;
    this.keepKeepsakes();
    this.changed();
    const { room, person } = conversation;
    try {
      const said = await (person ? this.bouncer.whisper(person.id, text) : this.bouncer.say(room, text));
      conversation.confirm(line, said, this.me);
      if (this.rank === 0) this.speech.spoke(room, conversation.rules.slow_ms);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const retryAt = error.retryMs ? Date.now() + error.retryMs : 0;
      conversation.fail(line, person && error.code === "unknown_user" ? AWAY : refusalWords(error), retryAt);
      this.speech.learn(error, room);
    }
    this.keepKeepsakes();
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

  // Takes back what was not sent.
  drop(line) {
    this.open.drop(line);
    this.keepKeepsakes();
    this.changed();
  }

  seen() {
    this.open.markRead();
    this.keepKeepsakes();
    this.changed();
  }
}
