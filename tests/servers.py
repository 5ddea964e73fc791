"""Local servers for the tests: a package index, a model hub, and servers that never answer."""

import hashlib
import json
import os
import socket
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def isolate(monkeypatch, tmp_path):
    """Isolates a test from the user's settings and caches; returns the folder for litz's own cache."""
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "LITZ_", "PIP_", "UV_")) or name.endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LITZ_HOME", str(tmp_path / "litz"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "litz"


def make_wheel(folder, members, name="toy", version="1.0"):
    """A wheel that pip accepts, with these members."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.tokens.add(self.headers.get("Authorization"))
        status, headers, content = self.server.route(self)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.server.write(self.wfile, content)

    def log_message(self, *_):
        pass


@contextmanager
def _serving(route, write=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.route, server.requests, server.tokens = route, [], set()
    server.write = write or (lambda file, content: file.write(content))
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


def package_index(wheel, write=None):
    """A package index with one wheel."""
    content = wheel.read_bytes()
    link = f'<a href="/files/{wheel.name}#sha256={hashlib.sha256(content).hexdigest()}">{wheel.name}</a>'

    def route(request):
        if request.path.startswith("/simple/"):
            return 200, {"Content-Type": "text/html"}, f"<!DOCTYPE html><html><body>{link}</body></html>".encode()
        return 200, {"Content-Type": "application/octet-stream"}, content

    return _serving(route, write)


def model_hub(files, repo="owner/name", status=200, error=""):
    """A model hub with one repository at one commit; `status` and `error` let it refuse."""

    def route(request):
        path = request.path.partition("?")[0]
        if status != 200:
            return status, {"X-Error-Code": error, "X-Error-Message": error}, b""
        if path.startswith(f"/api/models/{repo}"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
            return 200, {}, json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode()
        for revision in ("main", COMMIT):
            name = path.removeprefix(f"/{repo}/resolve/{revision}/")
            if name in files:
                etag = hashlib.sha256(files[name]).hexdigest()
                return 200, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}, files[name]
        return 404, {"X-Error-Code": "EntryNotFound"}, b""

    return _serving(route)


@contextmanager
def black_hole():
    """A server that takes connections and sends nothing; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def write_snapshot(cache, files, repo="owner/name", commit=COMMIT, ref="main"):
    """The Hub's cache layout: blobs, links to them from a snapshot, and a ref."""
    root = cache / ("models--" + repo.replace("/", "--"))
    snapshot = root / "snapshots" / commit
    for name, content in files.items():
        blob = root / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if ref:
        (root / "refs").mkdir(parents=True, exist_ok=True)
        (root / "refs" / ref).write_text(commit)
    return snapshot
