"""Fetching web pages politely: robots.txt, a pause per host, and limits on all that comes back."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import aiohttp
from pydantic import Field

from jobs.domain.listing import ENCODINGS
from jobs.runtime.config import Section
from jobs.sources.addresses import FetchError, PublicResolver, refuse_address

REDIRECTS = (301, 302, 303, 307, 308)
ROBOTS_BYTES = 500 * 1024  # what RFC 9309 asks a crawler to read at least
LONGEST_PAUSE_S = 60.0  # a site that asks for more is left alone
PAGES = ("text/html", "application/xhtml+xml", "text/plain")


class Web(Section):
    """How pages are fetched."""

    user_agent: str = Field(default="housestyle/0.1", min_length=1)
    pause_s: float = Field(default=1.0, ge=0, description="between two requests to one host")
    timeout_s: float = Field(default=30.0, gt=0, description="of one request")
    max_kb: int = Field(default=2048, ge=1, description="of one page, unpacked")
    max_redirects: int = Field(default=5, ge=0)
    hosts_at_once: int = Field(default=8, ge=1)
    allow_private_hosts: bool = Field(
        default=False, description="also fetch from this machine and the network it is in"
    )


@dataclass(frozen=True)
class Page:
    """What one address gave."""

    url: str  # after redirects
    kind: str  # its content type
    charset: str  # as the server declares it; empty where it does not
    content: bytes


@dataclass(frozen=True)
class Response:
    """One answer of a server."""

    status: int
    location: str
    kind: str
    charset: str
    content: bytes
    is_whole: bool  # False: it was longer than was read


@dataclass
class Host:
    """One host: asked by one request at a time, with a pause between two."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    learning: asyncio.Lock = field(default_factory=asyncio.Lock)  # held while robots.txt is read
    last: float = float("-inf")  # when it was last asked, on the monotonic clock
    robots: RobotFileParser | None = None


def pause_left(last: float, now: float, pause_s: float) -> float:
    """Seconds to wait before a host that was asked at `last` is asked again.

    >>> pause_left(10.0, 10.5, 2.0), pause_left(10.0, 13.0, 2.0)
    (1.5, 0.0)
    """
    return max(0.0, last + pause_s - now)


async def fetch_all(urls: list[str], web: Web) -> list[Page | FetchError]:
    """Every page, or why it could not be had, in the order of the addresses."""
    resolver = aiohttp.ThreadedResolver() if web.allow_private_hosts else PublicResolver()
    limit = aiohttp.ClientTimeout(total=web.timeout_s)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver),
        timeout=limit,
        headers={"User-Agent": web.user_agent},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        fetcher = Fetcher(web, session)
        slots = asyncio.Semaphore(web.hosts_at_once)

        async def one(url: str) -> Page | FetchError:
            async with slots:
                try:
                    with named_errors(url, web):
                        return await fetcher.page(url)
                except FetchError as error:
                    return error

        return await asyncio.gather(*map(one, urls))


class Fetcher:
    """Fetches pages in one session; knows the hosts it has met."""

    def __init__(self, web: Web, session: aiohttp.ClientSession) -> None:
        self.web, self.session = web, session
        self.hosts: dict[str, Host] = {}

    async def page(self, url: str) -> Page:
        """The page, redirects followed. Raises FetchError and what `named_errors` names."""
        seen: list[str] = []
        while True:
            refuse_address(url, allow_private=self.web.allow_private_hosts)
            await self._refuse_forbidden(url)
            response = await self._get(url, self.web.max_kb * 1024)
            if response.status not in REDIRECTS:
                return self._page(url, response)
            seen.append(url)
            url = self._next(url, response, seen)

    def _next(self, url: str, response: Response, seen: list[str]) -> str:
        """Where a redirect leads. Raises FetchError where it leads in circles or too far."""
        if not response.location:
            raise FetchError("bad_redirect", f"{url} redirects, but does not say where to")
        target = urljoin(url, response.location).partition("#")[0]
        if target in seen:
            raise FetchError("redirect_loop", f"{target} redirects to itself in {len(seen)} steps")
        if len(seen) > self.web.max_redirects:
            raise FetchError(
                "too_many_redirects", f"more than {self.web.max_redirects}; raise max_redirects"
            )
        return target

    def _page(self, url: str, response: Response) -> Page:
        """The response as a page. Raises FetchError where it is none."""
        if response.status != 200:
            raise FetchError(f"http_{response.status}", f"{url} answered {response.status}")
        if response.kind not in PAGES:
            raise FetchError("not_a_page", f"{response.kind}; wanted one of {', '.join(PAGES)}")
        if not response.is_whole:
            raise FetchError("too_large", f"more than {self.web.max_kb} kB; raise max_kb")
        return Page(url, response.kind, response.charset, response.content)

    async def _refuse_forbidden(self, url: str) -> None:
        """Raise FetchError where the site's robots.txt forbids the address to us."""
        host = self._host(url)
        async with host.learning:
            if host.robots is None:
                host.robots = await self._robots(url)
        if not host.robots.can_fetch(self.web.user_agent, url):
            raise FetchError("robots_forbid", f"robots.txt forbids {urlsplit(url).path} to us")
        if self._asked_pause_s(host) > LONGEST_PAUSE_S:
            asked = self._asked_pause_s(host)
            raise FetchError("crawl_delay", f"robots.txt asks for {asked:.0f} s between two pages")

    async def _robots(self, url: str) -> RobotFileParser:
        """The rules of the site. Raises FetchError where they cannot be known.

        As urllib.robotparser reads them: no file allows all, a forbidden one forbids all. A server
        that fails has said neither (RFC 9309, 2.3.1.4): its pages are left alone.
        """
        address, rules = urljoin(url, "/robots.txt"), RobotFileParser()
        for _ in range(self.web.max_redirects + 1):
            refuse_address(address, allow_private=self.web.allow_private_hosts)
            response = await self._get(address, ROBOTS_BYTES)
            if response.status not in REDIRECTS or not response.location:
                break
            address = urljoin(address, response.location)
        if response.status >= 500:
            raise FetchError("robots_unavailable", f"{address} answered {response.status}")
        if response.status in (401, 403):
            rules.parse(["User-agent: *", "Disallow: /"])
        elif response.status == 200:
            rules.parse(response.content.decode("utf-8", errors="replace").splitlines())
        else:
            rules.parse([])
        return rules

    def _host(self, url: str) -> Host:
        parts = urlsplit(url)
        return self.hosts.setdefault(f"{parts.scheme}://{parts.netloc}", Host())

    def _asked_pause_s(self, host: Host) -> float:
        """The pause that the site asks of us; 0 where it asks for none."""
        return float((host.robots and host.robots.crawl_delay(self.web.user_agent)) or 0)

    async def _get(self, url: str, most_bytes: int) -> Response:
        """One request, in the host's turn."""
        host = self._host(url)
        async with host.turn:
            pause_s = max(self.web.pause_s, self._asked_pause_s(host))
            await asyncio.sleep(pause_left(host.last, time.monotonic(), pause_s))
            try:
                async with self.session.get(url, allow_redirects=False) as response:
                    content, is_whole = await read_at_most(response, most_bytes)
            finally:
                host.last = time.monotonic()
        return Response(
            status=response.status,
            location=response.headers.get("Location", ""),
            kind=response.content_type,
            charset=response.charset or "",
            content=content,
            is_whole=is_whole,
        )


async def read_at_most(response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    """At most so many bytes of the unpacked body, and whether that was all."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(2**16):
        content += chunk
        if len(content) > most:
            return bytes(content[:most]), False
    return bytes(content), True


@contextmanager
def named_errors(url: str, web: Web) -> Iterator[None]:
    """What aiohttp raises, and the libraries that take an address apart, as a FetchError."""
    try:
        yield
    except TimeoutError as error:
        raise FetchError("timeout", f"no answer within {web.timeout_s} s") from error
    except ValueError as error:  # also aiohttp.InvalidURL, and UnicodeError for a host's name
        raise FetchError("bad_address", f"{url[:200]!r} is no address") from error
    except aiohttp.ClientConnectionError as error:
        raise FetchError("connection", type(error).__name__) from error
    except aiohttp.ClientError as error:
        raise FetchError("bad_response", type(error).__name__) from error


def decoded(page: Page, language: str) -> str:
    """The page's text. Raises FetchError where no encoding fits.

    UTF-8 first: what reads as UTF-8 is UTF-8, whatever the server declares. Latin-1 is what servers
    declare without looking; as it fits any bytes, it is not believed.
    """
    declared = page.charset.lower()
    believed = () if declared in ("iso-8859-1", "latin-1", "us-ascii") else (declared,)
    tried = ("utf-8-sig", *believed, *ENCODINGS.get(language, ()))
    for encoding in filter(None, tried):
        try:
            return page.content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise FetchError("bad_charset", f"is none of {', '.join(dict.fromkeys(filter(None, tried)))}")
