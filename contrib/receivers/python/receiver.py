"""Receives webhooks over mTLS, verifies them, handles each event once. ../README.md has the rules and how to start it."""
import http.server
import json
import os
import signal
import ssl
import sys
import threading
import traceback

from standardwebhooks.webhooks import Webhook

BODY_MAX = 1024 * 1024 + 64 * 1024  # 1 MiB of data and what is around it
REMEMBERED_MAX = int(os.environ.get("REMEMBERED_MAX", 100_000))

# Two secrets, separated by a blank, while one replaces the other: either will do.
webhooks = [Webhook(secret) for secret in os.environ["WEBHOOK_SECRET"].split()]
if not webhooks:
    sys.exit("WEBHOOK_SECRET is empty")
client_name = os.environ.get("CLIENT_NAME")


class Bounded(dict):
    def __setitem__(self, key, value):
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > REMEMBERED_MAX:
            del self[next(iter(self))]  # The oldest.


# In production both are in your database: a table with a unique webhook-id, a column `sequence` beside your copy of the
# object, written in the same transaction as your change. Here they are forgotten with the process.
seen, newest = Bounded(), Bounded()
one_at_a_time = threading.Lock()


def handle(webhook_id, event):
    what = event["object"], event["object_id"]
    with one_at_a_time:
        if webhook_id in seen:
            outcome = "repeat"
        elif event["object"] and newest.get(what, 0) >= event["sequence"]:
            outcome = "late"  # An event has all of its object, so an older one has nothing to add.
        else:
            outcome = "new"  # Your change goes here, or a row in your own queue if it may take seconds.
            newest[what] = event["sequence"]
        seen[webhook_id] = True
        print(outcome, webhook_id, json.dumps([event["type"], *what, event["sequence"]]), flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections stay open for the next event …
    timeout = 60  # … for a minute; handshake and body have as long.

    def do_POST(self):
        # The CA may sign others too: the name says who it is. Without CLIENT_NAME anybody with its certificate may send.
        if client_name and client_name not in names(self.connection.getpeercert()):
            return self.answer(403, "a certificate of another name")
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            return self.answer(411, "no length")
        if int(length) > BODY_MAX:
            return self.answer(413, "a body that is too large")
        body = self.rfile.read(int(length))  # The bytes that were signed: verify first, parse then.
        headers = {name.lower(): value for name, value in self.headers.items()}
        for webhook in webhooks:
            try:
                webhook.verify(body, headers, json_parse=False)
                break
            except Exception as problem:  # Headers that are malformed raise whatever they lead to.
                reason = problem
        else:
            return self.answer(401, reason)
        try:
            handle(headers["webhook-id"], json.loads(body))
        except Exception:
            traceback.print_exc()
            return self.answer(500, "not handled, so it comes again")
        self.answer(204)

    def answer(self, status, reason=None):
        self.send_response(status)
        if reason:
            print("refused", status, reason, flush=True)
            self.send_header("content-length", "0")
            self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, *_):
        pass


def names(certificate):
    common = [value for part in certificate["subject"] for key, value in part if key == "commonName"]
    return common + [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, _request, address):
        print("refused", address[0], repr(sys.exc_info()[1]), flush=True)


tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=os.environ["CLIENT_CA"])
tls.verify_mode = ssl.CERT_REQUIRED
tls.load_cert_chain(os.environ["TLS_CRT"], os.environ["TLS_KEY"])
server = Server(("", int(os.environ["PORT"])), Receiver)
# The handshake is the connection's thread's affair: whoever connects and says nothing must not keep others waiting.
server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
for number in signal.SIGTERM, signal.SIGINT:
    signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
print("listening on port", server.server_port, flush=True)
server.serve_forever()
one_at_a_time.acquire()  # Whoever is in the middle of an event ends it; what was not answered comes again.
