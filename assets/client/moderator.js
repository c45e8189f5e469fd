// What moderators and admins ask for. Each resolves once it is done.

export class Moderator {
  mute(user, { room, seconds, reason } = {}) {
    return this.request("mod.mute", { user, room, seconds, reason });
  }

  async unmute(user, room) {
    await this.request("mod.unmute", { user, room });
  }

  async mutes() {
    const { mutes, more = false } = await this.request("mod.mutes");
    return { mutes, more };
  }

  async kick(user, reason) {
    await this.request("mod.kick", { user, reason });
  }

  async ban(user, { seconds, reason } = {}) {
    await this.request("mod.ban", { user, seconds, reason });
  }

  async logOut(user, reason) {
    await this.request("mod.logout", { user, reason });
  }

  async revoke(user, reason) {
    await this.request("mod.revoke", { user, reason });
  }

  async restore(user) {
    await this.request("mod.restore", { user });
  }

  async slow(room, seconds) {
    await this.request("mod.slow", { room, seconds });
  }

  async freeze(room, on) {
    await this.request("mod.freeze", { room, on });
  }
}
