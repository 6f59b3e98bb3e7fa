"""A receiver of paid orders, with nothing but Python's standard library."""

import base64
import binascii
import hashlib
import hmac
import json
import os
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ.get("PORT", "4300"))
DATABASE = os.environ.get("SHIPMENTS_DB", "shipments.sqlite")
KEY = base64.b64decode(os.environ["FULFILLMENT_SECRET"].removeprefix("whsec_"))
TOLERANCE_SECONDS = 300
LARGEST_BODY = 10 * 1024 * 1024


def is_signed(headers, body: bytes) -> bool:
    """Whether the service made this call, and lately: https://www.standardwebhooks.com."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not is_number(timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = hmac.new(KEY, signed, hashlib.sha256).digest()
    return any(
        version == "v1" and hmac.compare_digest(decoded(signature), expected)
        for version, _, signature in (part.partition(",") for part in headers.get("webhook-signature", "").split())
    )


def is_number(text: str) -> bool:
    """Of so few digits that nothing is too large for Python."""
    return text.isdecimal() and len(text) <= 15


def decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""


def connect() -> sqlite3.Connection:
    return sqlite3.connect(DATABASE, timeout=5)


def ship_once(webhook_id: str, data: dict) -> bool:
    """What it does and that it was done are committed together: a repeat does nothing, a crash leaves nothing half done."""
    db = connect()
    try:
        with db:
            new = db.execute("insert or ignore into deliveries values (?)", (webhook_id,)).rowcount == 1
            if new:
                session = data["order"]["checkout_session_id"]
                items = [(session, item["description"], item["quantity"]) for item in data["line_items"]]
                db.executemany("insert into shipments (checkout_session_id, description, quantity) values (?, ?, ?)", items)
        return new
    finally:
        db.close()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not is_number(length) or int(length) > LARGEST_BODY:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(length))
        if self.path != "/orders":
            return self.answer(404)
        if not is_signed(self.headers, body):
            return self.answer(401)
        data = json.loads(body)["data"]
        new = ship_once(self.headers["webhook-id"], data)
        print(data["order"]["checkout_session_id"], "shipped" if new else "was shipped before", flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args) -> None:
        """Says nothing of each request."""


if __name__ == "__main__":
    with connect() as created:
        created.execute("create table if not exists deliveries (webhook_id text primary key)")
        created.execute(
            "create table if not exists shipments (checkout_session_id text not null, description text, quantity integer)"
        )
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Receiver)
    print(f"receiving on http://127.0.0.1:{server.server_port}/orders", flush=True)
    server.serve_forever()
