// The log-in service. Every failure becomes a Problem with words that can be shown.

export class Problem extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.until = retryAfter && Date.now() + retryAfter;
  }
}

export async function request(url, { method = "GET", token, body } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    throw new Problem(0, "unreachable", "The server cannot be reached.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Problem(
    response.status,
    answer.error ?? "unknown",
    answer.message ?? `The server answered ${response.status}.`,
    answer.retry_after_ms,
  );
}

export const signUp = (name, password) =>
  request("/api/signup", { method: "POST", body: { name, password } });

export const logIn = (name, password) =>
  request("/api/login", { method: "POST", body: { name, password } });

export const renewToken = (token) => request("/api/token", { method: "POST", token });

export const logOutEverywhere = (token) => request("/api/logout-everywhere", { method: "POST", token });

export const revoked = async (token) => (await request("/api/revoked", { token })).users;
