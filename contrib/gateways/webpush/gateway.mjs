// Takes pushes from outboxd over mTLS, encrypts them for the browser, hands them to its push service, and answers what that
// said, so that outboxd retries, waits or ends the subscription as it should. README.md has the contract and how to start it.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { Webhook } from "standardwebhooks";
import webpush from "web-push";

const { PORT, TLS_CRT, TLS_KEY, CLIENT_CA, CLIENT_NAME, WEBHOOK_SECRET, PUSH_HOSTS } = process.env;
const { VAPID_SUBJECT, VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY } = process.env;
const BODY_MAX = 64 * 1024;
const NOTIFICATION_MAX = 3993; // What fits into the 4096 bytes that every push service takes (RFC 8291, RFC 8030).
const PUSH_TIMEOUT_MS = 10_000; // Shorter than outboxd's deadline, so that it hears why.

// An endpoint comes from a browser, that is from anybody: it must not lead into this network.
const KNOWN_HOSTS = "fcm.googleapis.com updates.push.services.mozilla.com .push.apple.com .notify.windows.com";
const pushHosts = (PUSH_HOSTS ?? KNOWN_HOSTS).split(/\s+/);
const webhooks = (WEBHOOK_SECRET ?? "").split(/\s+/).filter(Boolean).map((secret) => new Webhook(secret));
webpush.setVapidDetails(VAPID_SUBJECT, VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY);

// What another attempt would not change.
class Refusal extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

function isSigned(body, headers) {
  return webhooks.some((webhook) => {
    try {
      webhook.verify(body, headers, { jsonParse: false });
      return true;
    } catch {
      return false;
    }
  });
}

function read(body) {
  let push;
  try {
    push = JSON.parse(body);
  } catch {
    throw new Refusal(422, "the body is not JSON");
  }
  const { subscription, notification, ttl = 0, urgency = "normal", topic } = push ?? {};
  let host;
  try {
    const { protocol, hostname } = new URL(subscription.endpoint);
    if (protocol === "https:") host = hostname;
  } catch {
    // Said below.
  }
  const known = (entry) => (entry.startsWith(".") ? host.endsWith(entry) : host === entry);
  if (!host || !pushHosts.some(known)) throw new Refusal(422, "the endpoint is not one of a known push service");
  if (!Number.isInteger(ttl) || ttl < 0) throw new Refusal(422, "ttl is not a number of seconds");
  const payload = JSON.stringify(notification ?? {});
  if (Buffer.byteLength(payload) > NOTIFICATION_MAX) throw new Refusal(413, "the notification is too large to be pushed");
  return { subscription, payload, options: { TTL: ttl, urgency, topic, contentEncoding: "aes128gcm", timeout: PUSH_TIMEOUT_MS } };
}

// What the push service said: status, and Retry-After if it wants one.
async function push({ subscription, payload, options }) {
  try {
    // Tried first, because what is wrong here is final: keys that are none, a topic that is too long.
    webpush.generateRequestDetails(subscription, payload, options);
  } catch (problem) {
    throw new Refusal(422, problem.message);
  }
  try {
    const { statusCode } = await webpush.sendNotification(subscription, payload, options);
    return { status: statusCode };
  } catch (problem) {
    if (!problem.statusCode) return { status: 502, reason: problem.code ?? "the push service cannot be reached" };
    // 401 and 403 are about our VAPID key, not about the device: outboxd must not take them for its own credentials.
    const status = [401, 403].includes(problem.statusCode) ? 502 : problem.statusCode;
    return { status, reason: `the push service said ${problem.statusCode}`, retryAfter: problem.headers?.["retry-after"] };
  }
}

async function receive(request) {
  // The CA may sign others too: the name says who it is.
  const { subject = {}, subjectaltname = "" } = request.socket.getPeerCertificate();
  const names = [subject.CN, ...subjectaltname.split(", ").map((name) => name.replace(/^DNS:/, ""))];
  if (CLIENT_NAME && !names.includes(CLIENT_NAME)) return { status: 403, reason: "a certificate of another name" };
  if (request.method !== "POST") return { status: 405, reason: "not a POST" };
  if (Number(request.headers["content-length"] ?? Infinity) > BODY_MAX) return { status: 413, reason: "no length, or too much" };
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (webhooks.length > 0 && !isSigned(body, request.headers)) return { status: 401, reason: "not signed with our secret" };
  try {
    return await push(read(body));
  } catch (problem) {
    if (problem instanceof Refusal) return { status: problem.status, reason: problem.message, final: true };
    throw problem;
  }
}

const tls = { cert: readFileSync(TLS_CRT), key: readFileSync(TLS_KEY), ca: readFileSync(CLIENT_CA) };
const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => {
  receive(request)
    .catch((problem) => ({ status: 500, reason: problem.message }))
    .then(({ status, reason, retryAfter, final }) => {
      // Never the endpoint: who knows it may push.
      console.log(status < 300 ? "pushed" : "not pushed", request.headers["webhook-id"], status, reason ?? "");
      if (retryAfter) response.setHeader("retry-after", retryAfter);
      if (final) response.setHeader("outbox-retry", "no");
      response.writeHead(status).end(reason);
    });
});
server.keepAliveTimeout = 60_000;
server.on("tlsClientError", (problem) => console.log("refused", problem.code, problem.message.trim()));
server.listen(PORT, () => console.log("listening on port", server.address().port));
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close();
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), 5_000).unref();
  });
}
