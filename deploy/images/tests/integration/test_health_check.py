"""The images' health check on a real socket."""

import importlib.util
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

FOLDER = Path(__file__).parents[2]


def script(name: str):
    spec = importlib.util.spec_from_file_location(f"image_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Probe(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_the_health_check_believes_a_200_and_nothing_else():
    server = HTTPServer(("127.0.0.1", 0), Probe)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        assert script("healthy").answers(f"{base}/readyz")
        assert not script("healthy").answers(f"{base}/else")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not script("healthy").answers(f"{base}/readyz"), "nobody listens"
