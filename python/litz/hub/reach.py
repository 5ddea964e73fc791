"""Does a server answer at all? Asked in a thread, because a dead name server can block for minutes."""

from threading import Thread


class Probe:
    """Starts asking at once; `answered(seconds)` waits that long at most."""

    def __init__(self, url: str) -> None:
        self._reply = False
        self._thread = Thread(target=self._ask, args=(url,), daemon=True)  # a daemon: it may never come back
        self._thread.start()

    def _ask(self, url: str) -> None:
        import http.client
        import ssl
        import urllib.error
        import urllib.request

        try:  # honours the proxies of the environment
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10).close()
        except urllib.error.HTTPError:
            self._reply = True  # whatever it says, somebody is there
        except urllib.error.URLError as error:
            self._reply = isinstance(error.reason, ssl.SSLError)
        except (OSError, ValueError, http.client.HTTPException):
            self._reply = False
        else:
            self._reply = True

    def answered(self, seconds: float) -> bool:
        """Whether anything came back, waiting no longer than `seconds`."""
        self._thread.join(max(0.0, seconds))
        return self._reply
