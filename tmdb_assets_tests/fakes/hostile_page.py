"""A page of another local server that tries to use a server of ours: by image, form, fetch, WebSocket and frame."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = """<!doctype html><title>Another page</title><body><script>
const {target, path, socket, query} = GIVEN;
const url = `${target}${path}?query=${encodeURIComponent(query)}`, body = JSON.stringify({query});
const asked = (make) => new Promise((done) => { make(done); });
const placed = (name, given, parent = document.body) => parent.appendChild(Object.assign(
  document.createElement(name), given));
const fetched = (type, more) => fetch(url, {method: "POST", body, headers: type ? {"content-type": type} : {}, ...more})
  .then((answer) => answer.type, () => "refused");
async function attack() {
  const seen = {};
  seen.image = await asked((done) => placed("img", {onload: () => done("shown"), onerror: () => done("refused"),
    src: url}));
  await asked((done) => {
    placed("iframe", {name: "answer", onload: done, srcdoc: ""});
    const form = placed("form", {method: "post", action: url, target: "answer", enctype: "text/plain"});
    placed("input", {name: '{"query": ' + JSON.stringify(query) + ', "x": "', value: '"}'}, form);
    document.querySelector("iframe").onload = done;
    form.submit();
  });
  seen.json = await fetched("application/json", {});
  await fetched("text/plain;application/json", {mode: "no-cors"});
  await fetch(url, {mode: "no-cors", headers: {Accept: "application/json"}}).catch(() => 0);
  navigator.sendBeacon(url, body);
  seen.socket = await asked((done) => {
    const made = new WebSocket(target.replace("http", "ws") + socket, "graphql-ws");
    made.onopen = () => done("open"); made.onerror = () => done("refused");
  });
  await asked((done) => placed("iframe", {name: "framed", src: target, onload: done}));
  return seen;
}
</script>"""


@contextmanager
def hostile_page(target: str, path: str, socket: str, query: str) -> Iterator[str]:
    """Serve the page on a port of its own; yield its address. Its function `attack` tries everything once."""
    given = json.dumps({"target": target, "path": path, "socket": socket, "query": query})
    page = PAGE.replace("GIVEN", given.replace("<", "\\u003c")).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
