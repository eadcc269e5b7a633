"""Which addresses may be fetched: http and https, and nothing inside the network we run in.

A page may redirect to anywhere, and a public name may resolve to a private address. So the
resolver itself refuses, at the moment of connecting; a literal address never reaches it and is
looked at before, as yarl reads it: aiohttp connects to what yarl makes of a host, and that turns
"127。0。0。1" into 127.0.0.1.
"""

import ipaddress
import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class FetchError(Exception):
    """A page that could not be had, with the error's name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def is_public(address: str) -> bool:
    """The address can be reached from the whole internet.

    >>> [is_public(one) for one in ("93.184.216.34", "127.0.0.1", "10.1.2.3", "169.254.169.254")]
    [True, False, False, False]
    >>> [is_public(one) for one in ("::1", "::ffff:127.0.0.1", "fd00::1", "2002:7f00:1::")]
    [False, False, False, False]
    >>> is_public("64:ff9b::7f00:1"), is_public("2606:2800:220:1::1")
    (False, True)
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in NAT64:
            inner = ipaddress.IPv4Address(int(found) % 2**32)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def refuse_address(url: str, *, allow_private: bool) -> None:
    """Raise FetchError for another scheme, no host, or a literal private address."""
    try:
        parts = URL(url)
        host = parts.raw_host or ""
    except ValueError as error:
        raise FetchError("bad_address", f"{url[:200]!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise FetchError("bad_scheme", f"{url[:200]!r}; only http and https are fetched")
    if allow_private:
        return
    try:
        literal = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return
    if not is_public(str(literal)):
        raise FetchError("private_address", f"{host} lies in a private network")


class PublicResolver(AbstractResolver):
    """Names to addresses; a name with a private address is refused as a whole."""

    def __init__(self) -> None:
        self.inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The host's addresses. Raises FetchError for a private one."""
        found = await self.inner.resolve(host, port, family)
        for entry in found:
            if not is_public(entry["host"]):
                raise FetchError("private_address", f"{host} resolves to a private address")
        return found

    async def close(self) -> None:
        """Nothing is held open."""
        await self.inner.close()
