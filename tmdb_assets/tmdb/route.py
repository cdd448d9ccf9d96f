"""How to reach TMDb's API or file host: proxies, trusted certificates, User-Agent."""

from __future__ import annotations

import ipaddress
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from tmdb_assets.errors.problem import Retry
from tmdb_assets.tmdb.errors import UnreachableError, checked_host


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

    Raises `UnreachableError` for an unusable address (naming `variable` and `example`), an unusable proxy, or a
    certificate file that does not exist.
    """
    host = checked_host(base_url, variable, example)
    # The sandbox is on this machine and never behind the proxy, whatever NO_PROXY says.
    proxies = {} if _is_loopback(urlsplit(base_url).hostname or "") else get_environ_proxies(base_url)
    if proxy := select_proxy(base_url, proxies):
        checked_host(proxy, "HTTPS_PROXY (or HTTP_PROXY)", "http://proxy.example:3128")
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle and base_url.lower().startswith("https") and not Path(bundle).exists():
        raise UnreachableError(
            "The file of REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) does not exist",
            action="Set it to the file of certificates to trust, or unset it",
            setting="REQUESTS_CA_BUNDLE",
            retry=Retry.ONCE_FIXED,
        )
    return Route(host, proxies, bundle or True)


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
