"""How to reach TMDb's API or file host: proxies, trusted certificates, User-Agent."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from tmdb_assets.errors.problem import Retry
from tmdb_assets.tmdb.errors import UnreachableError, checked_host

PROXY_VARIABLES, PROXY_EXAMPLE = "HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY)", "http://proxy.example:3128"
SOCKS = {"socks4", "socks4a", "socks5", "socks5h"}
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Route(NamedTuple):
    """How to reach one base URL.

    `host` is for messages and never contains a login; `proxies` (a URL per scheme) and `verify` (a file of trusted
    certificates, or True for the default ones) are passed to requests.
    """

    host: str
    proxies: dict[str, str]
    verify: bool | str


def find_route(base_url: str, variable: str, example: str) -> Route:
    """Read the route to `base_url` from the environment, once per client.

    Raises `UnreachableError` for an unusable address (naming `variable` and `example`), an unusable proxy, or
    certificates that are not there.
    """
    host = checked_host(base_url, variable, example)
    # The sandbox is on this machine and never behind the proxy, whatever NO_PROXY says.
    proxies = {} if _is_loopback(urlsplit(base_url).hostname or "") else get_environ_proxies(base_url)
    if proxy := select_proxy(base_url, proxies):
        checked_host(proxy, PROXY_VARIABLES, PROXY_EXAMPLE)
        _require_known_scheme(proxy)
    name = next((name for name in BUNDLE_VARIABLES if os.environ.get(name)), None)
    if name is None:
        return Route(host, proxies, True)
    bundle = os.environ[name]
    if base_url.lower().startswith("https"):
        _require_certificate(name, Path(bundle))
    return Route(host, proxies, bundle)


def _require_known_scheme(proxy: str) -> None:
    """Raise `UnreachableError` for a proxy that requests cannot use, without its URL, which may contain a login."""
    scheme = urlsplit(proxy).scheme.lower() if "://" in proxy else "http"
    if scheme in SOCKS and find_spec("socks") is None:
        what = f"{PROXY_VARIABLES} names a SOCKS proxy, which needs the package PySocks"
        action = "Install it (pip install PySocks), or name an HTTP proxy"
    elif scheme not in {"http", "https", *SOCKS}:
        what = f"{PROXY_VARIABLES} is not the address of an HTTP or SOCKS proxy"
        action = f"Set it to one like {PROXY_EXAMPLE}"
    else:
        return
    raise UnreachableError(what, action=action, setting="HTTPS_PROXY", retry=Retry.ONCE_FIXED)


def _require_certificate(variable: str, bundle: Path) -> None:
    """Raise `UnreachableError` unless the file, or OpenSSL's folder of hashed names, has certificates to trust."""
    try:
        if not bundle.is_dir():
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
            return
        if any(re.fullmatch(r"[0-9a-f]{8}\.\d+", path.name) for path in bundle.iterdir()):
            return
        fault = "is a folder without certificates (openssl rehash gives them their names)"
    except ssl.SSLError:
        fault = "has no certificate in PEM format"
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    raise UnreachableError(
        f"{bundle}, named by {variable}, {fault}",
        action="Set it to the file of certificates to trust, or unset it",
        setting=variable,
        retry=Retry.ONCE_FIXED,
    )


def user_agent() -> str:
    """The User-Agent: this package's name and version, 0 if it is not installed."""
    try:
        return f"tmdb-assets/{version('tmdb-assets')}"
    except PackageNotFoundError:
        return "tmdb-assets/0"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
