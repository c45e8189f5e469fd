// The browser does not say why an upgrade was refused, so the door is asked again in plain HTTP.

// What it answers: `{ status, code, words, after }`, the last one in milliseconds where it is known.
export async function askDoor(address, token, { fetch, timeoutMs }) {
  try {
    const url = new URL(address);
    url.protocol = url.protocol === "wss:" ? "https:" : "http:";
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/preflight`;
    const response = await fetch(url.href, {
      headers: { Authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { status } = response;
    // The door would let us in, and the connection still cannot be made: a proxy, or just then.
    if (response.ok) return { status, code: "not_connected", words: "" };
    const body = (await response.json().catch(() => null)) ?? {};
    const { error: code = "refused", message: words = "", retry_after_ms: after } = body;
    return { status, code, words, after };
  } catch {
    return { status: 0, code: "unreachable", words: "" };
  }
}
