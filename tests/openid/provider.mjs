// An OpenID provider whose keys change on command. Prints its issuer; then one line for each command
// that it reads: `overlap` adds a new key, which signs from then on, and `withdraw` removes the old one.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import { Provider } from "oidc-provider";

const AUDIENCE = "game";

// The provider writes notices there, and standard output is for the answers.
console.info = console.error;

function key(kid) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" };
}

// The first key of the set signs.
function provider(issuer, keys) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: "player-1",
        client_secret: "the-secret-of-the-tests-client",
        id_token_signed_response_alg: "ES256",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `https://${AUDIENCE}.example`,
        getResourceServerInfo: () => ({
          audience: AUDIENCE,
          scope: "play",
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
}

const old = key("old");
const fresh = key("fresh");
let handle;
const server = createServer((request, response) => handle(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const serve = (keys) => {
    handle = provider(issuer, keys).callback();
  };
  serve([old]);
  console.log(issuer);
  createInterface({ input: process.stdin })
    .on("line", (command) => {
      serve(command === "overlap" ? [fresh, old] : [fresh]);
      console.log(command);
    })
    .on("close", () => process.exit());
});
