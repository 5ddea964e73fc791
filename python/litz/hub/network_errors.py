"""Network errors as one clause, from a chain of exceptions or from a program's output."""

import re
from collections.abc import Iterator

# The first match counts: causes come before their symptoms.
_WORDS = (
    (r"ProxyError|Cannot connect to proxy|Tunnel connection failed", "the proxy on the way to {who} failed"),
    (
        r"gaierror|NameResolutionError|Name or service not known|name resolution|getaddrinfo failed|nodename nor serv",
        "the host name of {who} cannot be resolved",
    ),
    (r"CERTIFICATE_VERIFY_FAILED", "the TLS certificate of {who} is not trusted"),
    (r"SSLError|\[SSL", "TLS with {who} failed"),
    (r"ConnectionRefused|Connection refused|WinError 10061", "{who} refused the connection"),
    (r"Network is unreachable|No route to host|Errno 10[01]\b|Errno 113\b", "there is no network to {who}"),
    (
        r"ConnectionReset|Connection reset|RemoteDisconnected|RemoteProtocolError|IncompleteRead|peer closed",
        "{who} closed the connection",
    ),
    (r"[Tt]imed? ?out|Timeout", "{who} did not answer"),
)


def failure_in_words(failure: BaseException | str, *, who: str) -> str | None:
    """One clause about a failed connection to `who`; None if the failure is of another kind."""
    text = (
        failure if isinstance(failure, str) else " ".join(f"{type(link).__name__}: {link}" for link in chain(failure))
    )
    return next((words.format(who=who) for pattern, words in _WORDS if re.search(pattern, text)), None)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what caused it, the innermost last."""
    seen: set[int] = set()
    link: object = error
    while isinstance(link, BaseException) and id(link) not in seen:
        seen.add(id(link))
        yield link
        inner = getattr(link, "reason", None)  # urllib's attribute
        link = inner if isinstance(inner, BaseException) else link.__cause__ or link.__context__


def host_of(address: str) -> str:
    """The host, and the port if it is named, without the user and password that an address may hold."""
    from urllib.parse import urlsplit

    return urlsplit(address if "://" in address else f"//{address}").netloc.rpartition("@")[2] or address


def host_and_proxy(address: str) -> str:
    """The host of an address, and the proxy to it if the environment names one."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    host, parts, proxies = host_of(address), urlsplit(address), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or not parts.hostname or proxy_bypass(parts.hostname):
        return host
    return f"{host} (through the proxy {host_of(proxy)})"


def format_seconds(count: float) -> str:
    """`0.4 seconds`, `1 second`, `12 seconds`: readable, and never zero."""
    count = max(count, 0.1)
    text = f"{count:.0f}" if count >= 9.95 else f"{count:.1f}".removesuffix(".0")
    return f"{text} second{'' if text == '1' else 's'}"
