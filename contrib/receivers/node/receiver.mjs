// Receives webhooks over mTLS, verifies them, handles each event once. ../README.md has the rules and how to start it.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { Webhook } from "standardwebhooks";

const { PORT, TLS_CRT, TLS_KEY, CLIENT_CA, CLIENT_NAME, WEBHOOK_SECRET } = process.env;
const BODY_MAX = 1024 * 1024 + 64 * 1024; // 1 MiB of data and what is around it
const REMEMBERED_MAX = Number(process.env.REMEMBERED_MAX ?? 100_000);

// Two secrets, separated by a blank, while one replaces the other: either will do.
const webhooks = WEBHOOK_SECRET.trim().split(/\s+/).map((secret) => new Webhook(secret));

class Bounded extends Map {
  set(key, value) {
    this.delete(key);
    super.set(key, value);
    if (this.size > REMEMBERED_MAX) this.delete(this.keys().next().value); // The oldest.
  }
}

// In production both are in your database: a table with a unique webhook-id, a column `sequence` beside your copy of the
// object, written in the same transaction as your change. Here they are forgotten with the process.
const seen = new Bounded();
const newest = new Bounded();

function handle(webhookId, { type, object, object_id, sequence }) {
  if (!Number.isInteger(sequence)) throw new Error("not an event");
  const what = JSON.stringify([object, object_id]);
  let outcome;
  if (seen.has(webhookId)) {
    outcome = "repeat";
  } else if (object && (newest.get(what) ?? 0) >= sequence) {
    outcome = "late"; // An event has all of its object, so an older one has nothing to add.
  } else {
    outcome = "new"; // Your change goes here, or a row in your own queue if it may take seconds.
    newest.set(what, sequence);
  }
  seen.set(webhookId, true);
  console.log(outcome, webhookId, JSON.stringify([type, object, object_id, sequence]));
}

// Why the body was not signed with any of the secrets, or null.
function refusal(body, headers) {
  let reason = null;
  for (const webhook of webhooks) {
    try {
      webhook.verify(body, headers, { jsonParse: false });
      return null;
    } catch (problem) {
      reason = problem.message;
    }
  }
  return reason;
}

async function receive(request, answer) {
  // The CA may sign others too: the name says who it is. Without CLIENT_NAME anybody with its certificate may send.
  const { subject = {}, subjectaltname = "" } = request.socket.getPeerCertificate();
  const names = [subject.CN, ...subjectaltname.split(", ").map((name) => name.replace(/^DNS:/, ""))];
  if (CLIENT_NAME && !names.includes(CLIENT_NAME)) return answer(403, "a certificate of another name");
  if (request.method !== "POST") return answer(405, "not a POST");
  const length = request.headers["content-length"]; // Node reads no more than this.
  if (length === undefined) return answer(411, "no length");
  if (Number(length) > BODY_MAX) return answer(413, "a body that is too large");
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks); // The bytes that were signed: verify first, parse then.
  const reason = refusal(body, request.headers);
  if (reason) return answer(401, reason);
  try {
    handle(request.headers["webhook-id"], JSON.parse(body)); // Numbers in `data` above 2^53 are rounded here.
  } catch (problem) {
    console.error(problem);
    return answer(500, "not handled, so it comes again");
  }
  answer(204);
}

const tls = { cert: readFileSync(TLS_CRT), key: readFileSync(TLS_KEY), ca: readFileSync(CLIENT_CA) };
const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => {
  const answer = (status, reason) => {
    if (reason) console.log("refused", status, reason);
    response.writeHead(status, reason ? { connection: "close", "content-length": 0 } : {}).end();
  };
  receive(request, answer).catch((problem) => {
    console.log("refused", problem.message); // The sender went away in the middle.
    request.destroy();
  });
});
server.keepAliveTimeout = 60_000; // Connections stay open for the next event.
server.on("tlsClientError", (problem) => console.log("refused", problem.code, problem.message.trim()));
server.listen(PORT, () => console.log("listening on port", server.address().port));
// Whoever is in the middle of an event ends it; what was not answered comes again.
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close();
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), 5_000).unref(); // For those who have not even said hello.
  });
}
