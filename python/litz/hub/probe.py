"""A request that tests whether a server answers, in a thread: a dead name server can block for minutes."""

import time
from threading import Thread

from litz.hub.network_errors import failure_in_words, format_seconds, host_and_proxy


class Probe:
    """Sends the request at once; `answered(seconds)` waits that long at most."""

    def __init__(self, url: str) -> None:
        self._host = host_and_proxy(url)
        self._reply = False
        self._failure: str | None = None
        self._started = time.monotonic()
        self._thread = Thread(target=self._send, args=(url,), daemon=True)  # a daemon: it may never return
        self._thread.start()

    def _send(self, url: str) -> None:
        import http.client
        import ssl
        import urllib.error
        import urllib.request

        try:  # an opener of its own honours the proxies of the environment as it is now
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.build_opener().open(request, timeout=10).close()
        except urllib.error.HTTPError:
            self._reply = True  # any status is a response
        except (OSError, ValueError, http.client.HTTPException) as error:
            # huggingface_hub may trust certificates that Python does not: let it send the request
            self._reply = isinstance(getattr(error, "reason", None), ssl.SSLError)
            words = failure_in_words(error, who=self._host) or f"{self._host}: {error}"
            self._failure = f"{words} after {format_seconds(time.monotonic() - self._started)}"
        else:
            self._reply = True

    def answered(self, timeout: float) -> bool:
        """Whether anything came back, waiting no longer than `timeout` seconds."""
        self._thread.join(max(0.0, timeout))
        return self._reply

    def failure(self) -> str:
        """Why nothing came back, and after how long."""
        waited = time.monotonic() - self._started
        return self._failure or f"{self._host} did not answer within {format_seconds(waited)}"
