"""Fetching pages: from a real server that forbids, redirects, floods, lies and stalls."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from jobs.sources.addresses import FetchError
from jobs.sources.pages import Page, Web, decoded, fetch_all
from jobs.sources.reading import Source, read_page

KOREAN = "찻잔 하나에 담긴 오후, 할머니의 손길이 다시 떠오릅니다."
LONG = "느리게 배우는 즐거움이 여기에 있습니다. 오래된 골목을 걷듯 한 모금씩 마셔 보세요. " * 3
HTML = f"""<html><head><title>오후</title></head><body><nav><a href="/">홈</a></nav>
<article><h1>오후</h1><p>{KOREAN}</p><p>{LONG}</p></article>
<footer>저작권</footer></body></html>"""
RULES = "User-agent: housestyle\nDisallow: /private/\n\nUser-agent: *\nDisallow: /\n"
OPEN = Web(pause_s=0, timeout_s=5, max_kb=64, max_redirects=3, allow_private_hosts=True)


@dataclass
class Site:
    """What the server was asked, and how it answers robots.txt."""

    address: str = ""
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    robots: tuple[int, str] = (200, RULES)


def answers(site: Site) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
    async def robots(_: web.Request) -> web.StreamResponse:
        return web.Response(status=site.robots[0], text=site.robots[1])

    def page(body: bytes, kind: str = "text/html; charset=utf-8", status: int = 200):  # type: ignore[no-untyped-def]
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(body=body, headers={"Content-Type": kind}, status=status)

        return answer

    def to(path: str):  # type: ignore[no-untyped-def]
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": path})

        return answer

    async def packed(_: web.Request) -> web.StreamResponse:
        body = gzip.compress(b"a" * 2**20)  # 1 kB on the wire, 1 MB unpacked
        return web.Response(
            body=body, headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}
        )

    async def stalled(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    return {
        "/robots.txt": robots,
        "/good": page(HTML.encode()),
        "/private/diary": page(HTML.encode()),
        "/moved": to("/good"),
        "/sneaky": to("/private/diary"),
        "/loop": to("/pool"),
        "/pool": to("/loop"),
        **{f"/far{step}": to(f"/far{step + 1}") for step in range(9)},
        "/elsewhere": to("file:///etc/passwd"),
        "/nowhere": page(b"", status=302),
        "/astray": to("http://[::1"),
        "/large": page(b"a" * 65 * 1024),
        "/packed": packed,
        "/stalled": stalled,
        "/gone": page(b"gone", status=410),
        "/down": page(b"down", status=503),
        "/picture": page(b"\x89PNG", "image/png"),
        "/broken": page(f"<html><p>끊긴 <div <b><p>{KOREAN}".encode()),
        "/empty": page(b"<html><body></body></html>"),
        "/plain": page(KOREAN.encode(), "text/plain"),
        "/cp949": page(HTML.encode("cp949"), "text/html; charset=euc-kr"),
        "/undeclared": page(HTML.encode("cp949"), "text/html"),
        "/latin": page(HTML.encode("cp949"), "text/html; charset=ISO-8859-1"),
        "/lying": page(HTML.encode(), "text/html; charset=shift_jis"),
        "/unheard": page(HTML.encode(), "text/html; charset=klingon"),
        "/torn": page(HTML.encode() + b"\xff\xff", "text/html"),
    }


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()

    @web.middleware
    async def note(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:  # type: ignore[type-arg]
        found.asked.append(request.path)
        found.agents.add(request.headers["User-Agent"])
        return await handler(request)  # type: ignore[operator,no-any-return]

    app = web.Application(middlewares=[note])
    for path, answer in answers(found).items():
        app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def fetched(site: Site, path: str, settings: Web = OPEN) -> Page:
    [reply] = await fetch_all([site.address + path], settings)
    if isinstance(reply, FetchError):
        raise reply
    return reply


def texts(page: Page, language: str = "ko") -> list[str]:
    source = Source(at=page.url, licence="CC0-1.0")
    return [found.content.text for found in read_page(source, page, language)]  # type: ignore[union-attr]


ARTICLE = ["오후", KOREAN, LONG.strip()]


@pytest.mark.parametrize(
    "path", ["/good", "/moved", "/cp949", "/undeclared", "/latin", "/lying", "/unheard"]
)
async def test_a_page_is_its_text_whatever_its_charset(site: Site, path: str) -> None:
    assert texts(await fetched(site, path)) == ARTICLE


async def test_broken_html_and_plain_text_are_read(site: Site) -> None:
    assert KOREAN in " ".join(texts(await fetched(site, "/broken")))
    assert texts(await fetched(site, "/plain")) == [KOREAN]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/private/diary", "robots_forbid"),
        ("/sneaky", "robots_forbid"),
        ("/loop", "redirect_loop"),
        ("/far0", "too_many_redirects"),
        ("/elsewhere", "bad_scheme"),
        ("/nowhere", "bad_redirect"),
        ("/astray", "bad_address"),
        ("/large", "too_large"),
        ("/packed", "too_large"),
        ("/gone", "http_410"),
        ("/down", "http_503"),
        ("/missing", "http_404"),
        ("/picture", "not_a_page"),
    ],
)
async def test_a_page_that_cannot_be_had_has_a_name(site: Site, path: str, name: str) -> None:
    with pytest.raises(FetchError) as caught:
        await fetched(site, path)
    assert caught.value.name == name


async def test_a_server_that_does_not_answer(site: Site) -> None:
    with pytest.raises(FetchError) as caught:
        await fetched(site, "/stalled", OPEN.model_copy(update={"timeout_s": 0.3}))
    assert caught.value.name == "timeout"
    [reply] = await fetch_all(["http://127.0.0.1:9/x"], OPEN)
    assert isinstance(reply, FetchError)
    assert reply.name == "connection"


@pytest.mark.parametrize(("path", "name"), [("/empty", "no_text"), ("/torn", "bad_charset")])
async def test_a_page_without_readable_text(site: Site, path: str, name: str) -> None:
    page = await fetched(site, path)
    with pytest.raises(FetchError) as caught:
        texts(page, language="en")
    assert caught.value.name == name


async def test_forbidden_pages_are_never_asked_for(site: Site) -> None:
    paths = ["/private/diary", "/good", "/sneaky"]
    await fetch_all([site.address + path for path in paths], OPEN)
    assert sorted(site.asked) == ["/good", "/robots.txt", "/sneaky"]
    assert site.agents == {"housestyle/0.1"}


@pytest.mark.parametrize(
    ("robots", "path", "name"),
    [
        ((404, ""), "/private/diary", ""),
        ((403, ""), "/good", "robots_forbid"),
        ((503, ""), "/good", "robots_unavailable"),
        ((200, "User-agent: *\nDisallow: /good\n"), "/good", "robots_forbid"),
        ((200, "User-agent: other\nDisallow: /\n"), "/good", ""),
        ((200, "User-agent: *\nCrawl-delay: 3600\n"), "/good", "crawl_delay"),
        ((200, "\x00\x01 not rules"), "/good", ""),
    ],
)
async def test_robots_txt(site: Site, robots: tuple[int, str], path: str, name: str) -> None:
    site.robots = robots
    [reply] = await fetch_all([site.address + path], OPEN)
    assert getattr(reply, "name", "") == name


async def test_a_host_is_asked_by_one_request_at_a_time(site: Site) -> None:
    """A pause that is longer than the test would time out: it is cancelled in the first one."""
    slow = OPEN.model_copy(update={"pause_s": 3600.0})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(fetch_all([site.address + "/good"], slow), timeout=0.5)
    assert site.asked == ["/robots.txt"]


CLOSED = OPEN.model_copy(update={"allow_private_hosts": False})


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("ftp://example.org/a", "bad_scheme"),
        ("file:///etc/passwd", "bad_scheme"),
        ("http:///nothing", "bad_scheme"),
        ("http://[::1", "bad_address"),
        ("http://example.org:port/", "bad_address"),
        (f"http://{'a' * 70}.com/", "bad_address"),
        ("http://x\ud800/", "bad_address"),
        ("http://127。0。0。1/", "private_address"),
        ("http://１２７.0.0.1/", "private_address"),
        ("http://[64:ff9b::7f00:1]/", "private_address"),
        ("http://169.254.169.254/latest/meta-data", "private_address"),
        ("http://[::ffff:10.0.0.1]/", "private_address"),
        ("http://[fe80::1%25eth0]/", "private_address"),
    ],
)
async def test_addresses_that_are_never_fetched(url: str, name: str) -> None:
    [reply] = await fetch_all([url], CLOSED)
    assert isinstance(reply, FetchError)
    assert reply.name == name


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "127.1", "0x7f000001", "127。0。0。1"]
)
async def test_this_machine_is_reached_only_where_that_is_allowed(site: Site, host: str) -> None:
    """Names and odd spellings of an address are caught by the resolver, when it connects."""
    url = site.address.replace("127.0.0.1", host) + "/good"
    [reply] = await fetch_all([url], CLOSED)
    assert isinstance(reply, FetchError)
    assert reply.name in ("private_address", "connection", "bad_address")
    assert site.asked == []


def test_a_torn_page_is_not_guessed_at() -> None:
    page = Page("http://x/", "text/html", "utf-8", b"\xff\xfe\xff")
    with pytest.raises(FetchError, match="is none of utf-8-sig, utf-8"):
        decoded(page, "en")
