"""The built book, page by page: as files, and in a real browser from a server and from the disk."""

from __future__ import annotations

import functools
import gzip
import html
import importlib.util
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import imagesize
import pytest
import tinycss2
import yaml
from playwright.sync_api import Browser, Page

from tests.pages import scroll_to

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [TOC["root"]] + [c["file"] for part in TOC["parts"] for c in part["chapters"]]
NOTEBOOKS = [page for page in CHAPTERS if page.startswith("notebooks/")]
PAGES = [*CHAPTERS, "search"]
MAX_BYTES = 1_500_000
SCHEMES = ["http", "file"]
PAPERS = {"light": (255, 255, 255), "dark": (15, 18, 22)}
MAX_BYTES_WITHOUT_FIGURES = 350_000

each_page = pytest.mark.parametrize("page", PAGES)
from_server_and_disk = pytest.mark.parametrize("scheme", SCHEMES)


class Visit:
    """A page opened in a fresh browser, with what it asked for and what it complained about."""

    def __init__(self, browser: Browser, url: str, root: str, **options: object) -> None:
        self.root = root
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = browser.new_context(**options).new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self.hear)
        self.page.goto(url, wait_until="networkidle")
        self.first_view = list(self.requests)
        if any("formulas.js" in request for request in self.requests):
            self.page.evaluate(
                "document.querySelectorAll('.math').forEach((f) => f.scrollIntoView())"
            )
            self.page.wait_for_selector("html[data-formulas=set]")
        for lab in self.page.locator(".lab").all():  # fetched when the reader comes near
            scroll_to(lab)
            lab.locator(".lab-says").first.wait_for(timeout=60_000)
        self.page.evaluate("scrollTo(0, 0)")
        self.external = [u for u in self.requests if not u.startswith((root, "data:", "blob:"))]

    def hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url')})")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.page.context.close()


class Parsed(HTMLParser):
    """What the tests ask of a page's source: links, anchors, headings, images."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.tags.append((tag, named))
        self.links += [named[key] or "" for key in ("href", "src") if key in named]
        self.ids |= {named[key] or "" for key in ("id", "name") if key in named}

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


parsed = functools.cache(Parsed)


def broken_links(path: Path) -> list[str]:
    """The page's links to files or anchors of the book that are not there."""
    broken = []
    for link in parsed(path).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = path.parent / unquote(parts.path) if parts.path else path
        anchor = unquote(parts.fragment)
        is_page = target.suffix == ".html"
        if not target.is_file() or (anchor and is_page and anchor not in parsed(target).ids):
            broken.append(link)
    return broken


def alt_faults(path: Path) -> list[str]:
    """The images in the text whose description is missing, or too short or long to be one."""
    images = [image for image in parsed(path).named("img") if "_images/" in (image["src"] or "")]
    return [
        f"{image['src']}: {image.get('alt')!r}"
        for image in images
        if not 20 <= len(image.get("alt") or "") <= 250
    ]


def transferred(urls: list[str], root: str) -> int:
    """Bytes a server that compresses text, as GitHub Pages does, sends for these files."""
    total = 0
    for url in set(urls):
        if url.startswith(root):
            content = (
                HTML / unquote(urlsplit(url.removeprefix(root)).path).lstrip("/")
            ).read_bytes()
            text = urlsplit(url).path.endswith((".html", ".css", ".js", ".svg"))
            total += len(gzip.compress(content)) if text else len(content)
    return total


def overflow(page: Page) -> list[str]:
    """What reaches beyond the right edge of the window and cannot be scrolled inside its own box."""
    return page.evaluate(
        """() => {
            const boxed = (e) => e && (["auto", "scroll"].includes(getComputedStyle(e).overflowX) || boxed(e.parentElement));
            if (document.documentElement.scrollWidth <= innerWidth) return [];
            return [...document.body.querySelectorAll("*")]
                .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 && !boxed(e.parentElement))
                .map((e) => e.outerHTML.slice(0, 80));
        }"""
    )


AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def barriers(page: Page) -> list[str]:
    """What keeps some people out, by the rules of WCAG 2.2 A and AA that axe-core can check."""
    page.evaluate(AXE)
    found = page.evaluate(
        "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}}).then((r) => r.violations)",
        WCAG,
    )
    return [f"{v['id']}: {node['html'][:120]}" for v in found for node in v["nodes"]]


# The source of the pages ---------------------------------------------------------------------------


def test_built_pages_are_those_of_the_toc(site: Path) -> None:
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    built = {page for page in built if not page.startswith("_static/")}
    assert built == {*PAGES, "index", "404"}, "a page of an older build? Run `make clean book`"


def test_a_changed_script_reaches_the_built_book(tmp_path: Path) -> None:
    """Sphinx copies scripts only when it builds a page; so a new script must make one page outdated."""
    book_site = extension("book_site")
    source, built = tmp_path / "book" / "_static", tmp_path / "html" / "_static"
    for folder in (source, built):
        folder.mkdir(parents=True)
        (folder / "lab.js").write_text("old", encoding="utf-8")
    app = SimpleNamespace(
        srcdir=tmp_path, outdir=tmp_path / "html", config=SimpleNamespace(root_doc="book/index")
    )
    assert book_site.notice_static_files(app, None) == []
    (source / "lab.js").write_text("new", encoding="utf-8")
    assert book_site.notice_static_files(app, None) == ["book/index"]


@each_page
def test_links_lead_somewhere(site: Path, page: str) -> None:
    assert broken_links(site / f"{page}.html") == []


@each_page
def test_frame(site: Path, page: str) -> None:
    source = parsed(site / f"{page}.html")
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    assert source.named("html")[0]["lang"] == "en"
    assert re.search(r"<title>\s*\S.*Beyond Feedforward</title>", text)
    assert len(source.named("h1")) == 1
    if page in CHAPTERS:
        assert [meta for meta in source.named("meta") if meta.get("name") == "description"]


def test_titles_differ(site: Path) -> None:
    titles = [
        re.search("<title>(.*)</title>", (site / f"{page}.html").read_text(encoding="utf-8"))[1]
        for page in PAGES
    ]
    assert len(set(titles)) == len(titles)


@each_page
def test_images_are_described(site: Path, page: str) -> None:
    assert alt_faults(site / f"{page}.html") == []


@each_page
def test_colab_button(site: Path, page: str) -> None:
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    name = repository["url"].removeprefix("https://github.com/")
    start = "https://colab.research.google.com/"
    expected = f"{start}github/{name}/blob/{repository['branch']}/{page}.ipynb"
    buttons = [link for link in parsed(site / f"{page}.html").links if link.startswith(start)]
    assert buttons == ([expected] if page in NOTEBOOKS else [])


def lab_links(page: str) -> list[str]:
    return [link for link in parsed(HTML / f"{page}.html").links if "#lab-" in link]


@each_page
def test_links_to_labs_lead_to_this_page(site: Path, page: str) -> None:
    """Colab and GitHub show these links as they are, so they must name the published page."""
    canonical = [
        a["href"]
        for a in parsed(site / f"{page}.html").named("link")
        if a.get("rel") == "canonical"
    ]
    for link in lab_links(page):
        address, name = link.split("#lab-")
        assert [address] == canonical
        assert (ROOT / "book" / "_static" / "labs" / f"{name}.js").is_file(), name


def described(path: Path) -> dict[str, str]:
    """The page's meta elements: name or property -> content."""
    return {
        m.get("name") or m.get("property") or "": m.get("content") or ""
        for m in parsed(path).named("meta")
    }


@pytest.mark.parametrize("page", [*CHAPTERS, "index"])
def test_what_others_show_of_a_page(site: Path, page: str) -> None:
    path = site / f"{page}.html"
    meta = described(path)
    canonical = [
        link["href"] for link in parsed(path).named("link") if link.get("rel") == "canonical"
    ]
    assert canonical == [meta["og:url"]]
    root = canonical[0].removesuffix(f"{page if page != 'index' else TOC['root']}.html")
    assert re.fullmatch(r"https://[a-z0-9-]+\.github\.io/[\w.-]+/", root)
    assert meta["og:title"] in html.unescape(path.read_text(encoding="utf-8").split("<title>")[1])
    assert meta["og:description"] == meta["description"]
    assert len(meta["og:description"]) > 20
    card = site / meta["og:image"].removeprefix(root)
    assert (
        imagesize.get(card)
        == (int(meta["og:image:width"]), int(meta["og:image:height"]))
        == (1200, 630)
    )


def test_sitemap_lists_the_pages(site: Path) -> None:
    tree = ElementTree.parse(site / "sitemap.xml")
    canonical = {described(site / f"{page}.html")["og:url"] for page in CHAPTERS}
    assert sorted(loc.text or "" for loc in tree.iterfind(".//{*}loc")) == sorted(canonical)


@pytest.mark.parametrize("page", [*PAGES, "404"])
def test_policy_comes_before_what_it_governs(site: Path, page: str) -> None:
    head = parsed(site / f"{page}.html").tags
    policies = [
        i for i, (_, a) in enumerate(head) if a.get("http-equiv") == "Content-Security-Policy"
    ]
    governed = [
        i
        for i, (tag, a) in enumerate(head)
        if tag in ("script", "style", "base") or a.get("rel") == "stylesheet"
    ]
    assert len(policies) == 1
    assert policies[0] < min(governed)
    policy = dict(
        rule.split(maxsplit=1) for rule in (head[policies[0]][1]["content"] or "").split("; ")
    )
    assert policy.pop("default-src") == "'none'"
    assert all(
        re.fullmatch(r"'self'|'sha256-[\w+/]{43}='", source)
        for source in policy.pop("script-src").split()
    )
    assert set(" ".join(policy.values()).split()) == {"'self'", "'unsafe-inline'", "data:"}


@each_page
def test_figures_have_a_shape_before_they_come(site: Path, page: str) -> None:
    images = [
        i for i in parsed(site / f"{page}.html").named("img") if "_images/" in (i["src"] or "")
    ]
    for image in images:
        path = (site / f"{page}.html").parent / (image["src"] or "")
        assert (int(image["width"] or 0), int(image["height"] or 0)) == imagesize.get(path)
    assert [image.get("loading") for image in images[:1]] in ([], [None])
    assert {image.get("loading") for image in images[1:]} <= {"lazy"}


def extension(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_unused_styles_are_dropped() -> None:
    css = (
        "a{color:red}.used,.unused{top:0}.unused{top:1px}.used.unused{top:2px}.used:not(.unused){top:3px}"
        "@media print{.unused{top:4px}}@media print{.used{top:5px}}@font-face{src:url(x)}#unused{top:6px}"
    )
    rules = tinycss2.parse_stylesheet(css)
    assert extension("book_styles").kept(rules, {"used"}) == (
        "a{color:red}.used,.unused{top:0}.used:not(.unused){top:3px}@media print{.used{top:5px}}@font-face{src:url(x)}"
    )


# In a browser ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[(p, s) for p in PAGES for s in SCHEMES], ids="-".join)
def opened(request: pytest.FixtureRequest, browser: Browser, roots: dict) -> Iterator[Visit]:
    """Each page once from a server and once from the disk; the tests below share the visit."""
    page, scheme = request.param
    with Visit(browser, f"{roots[scheme]}/{page}.html", roots[scheme]) as visit:
        yield visit


def test_page_opens_clean(opened: Visit) -> None:
    assert opened.complaints == []
    assert opened.external == []


def test_formulas_are_set(opened: Visit) -> None:
    formulas = opened.page.locator(".bd-article .math")
    assert formulas.locator("mjx-container").count() == formulas.count()
    assert opened.page.locator("mjx-merror").count() == 0
    spoken = formulas.locator("mjx-assistive-mml").all_text_contents()
    assert [formula for formula in spoken if "\\" in formula] == [], (
        "a command MathJax does not know"
    )
    assert any("mathjax" in url for url in opened.requests) == (formulas.count() > 0)


def test_links_to_labs_become_labs(opened: Visit) -> None:
    path = opened.page.url.removeprefix(opened.root).strip("/").removesuffix(".html")
    names = [link.split("#")[1] for link in lab_links(path)]
    assert [lab.get_attribute("id") for lab in opened.page.locator(".lab").all()] == names
    assert any("labs/labs.js" in url for url in opened.requests) == bool(names)


def test_questions_become_buttons(opened: Visit) -> None:
    questions = opened.page.locator("#check-yourself")
    assert any("quiz.js" in url for url in opened.requests) == (questions.count() > 0)
    assert questions.locator("details").count() == 0
    assert (opened.page.locator(".quiz").count() >= 2) == (questions.count() > 0)


def test_page_is_light(opened: Visit) -> None:
    # Formulas and figures below the fold count in the end, whether or not the browser has fetched them yet.
    figures = opened.page.evaluate("() => [...document.images].map((image) => image.src)")
    at_first = [url for url in opened.first_view if url not in figures]
    assert transferred(at_first, opened.root) <= MAX_BYTES_WITHOUT_FIGURES
    assert transferred(opened.requests + figures, opened.root) <= MAX_BYTES


def test_page_fits_a_phone(opened: Visit) -> None:
    opened.page.set_viewport_size({"width": 320, "height": 640})
    assert overflow(opened.page) == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 320
    starts = opened.page.evaluate(
        "[...document.querySelectorAll('div.math mjx-container > :first-child')]"
        ".map((formula) => formula.getBoundingClientRect().left)"
    )
    assert all(start >= 0 for start in starts), "the start of a wide formula is out of reach"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_paper_is_white_and_shows_what_is_folded(browser: Browser, roots: dict, mode: str) -> None:
    url = f"{roots['http']}/notebooks/04_pooling.html"
    with Visit(browser, url, roots["http"], color_scheme=mode) as visit:
        visit.page.emulate_media(media="print", color_scheme=mode)
        style = "(e) => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
        paper, ink = visit.page.locator("body").evaluate(style)
        assert paper == f"rgb{PAPERS['light']}"
        assert ink == "rgb(32, 38, 46)"
        assert visit.page.locator("h1").is_visible()
        assert visit.page.locator("details p").first.is_visible()
        for gone in (
            ".bd-sidebar-primary",
            ".bd-header-article",
            ".lab",
            ".copybtn",
            "a.headerlink",
        ):
            assert [e for e in visit.page.locator(gone).all() if e.is_visible()] == [], gone


def test_figures_keep_their_shape(opened: Visit) -> None:
    opened.page.set_viewport_size({"width": 320, "height": 640})
    for image in opened.page.locator("article img").all():
        shown, drawn = image.evaluate(
            "async (e) => { e.loading = 'eager'; await e.decode();"
            " return [e.width / e.height, e.naturalWidth / e.naturalHeight] }"
        )
        assert shown == pytest.approx(drawn, rel=0.02)


@pytest.mark.parametrize(("mode", "paper"), PAPERS.items())
def test_light_and_dark(opened: Visit, mode: str, paper: tuple) -> None:
    opened.page.emulate_media(color_scheme=mode)
    opened.page.wait_for_function(
        "(mode) => document.documentElement.dataset.theme === mode", arg=mode
    )
    style = "(e) => [getComputedStyle(e).backgroundColor, getComputedStyle(e).filter]"
    assert opened.page.locator("body").evaluate(style)[0] == f"rgb{paper}"
    for image in opened.page.locator("article img").all():
        assert image.evaluate(style) == ["rgba(0, 0, 0, 0)", "none"]


@each_page
@pytest.mark.parametrize(
    ("mode", "width"),
    [
        ("light", 320),
        ("dark", 1280),
        pytest.param("dark", 320, marks=pytest.mark.long),
        pytest.param("light", 1280, marks=pytest.mark.long),
    ],
)
def test_nobody_is_kept_out(
    browser: Browser, roots: dict, page: str, mode: str, width: int
) -> None:
    options = {"color_scheme": mode, "viewport": {"width": width, "height": 900}}
    with Visit(browser, f"{roots['http']}/{page}.html", roots["http"], **options) as visit:
        assert barriers(visit.page) == []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_an_address_without_a_page(browser: Browser, roots: dict, mode: str) -> None:
    """GitHub Pages answers with 404.html at any depth, so its links must not depend on the depth."""
    url = f"{roots['http']}/notebooks/deep/below/nowhere.html"
    with Visit(browser, url, roots["http"], color_scheme=mode) as visit:
        assert len(visit.complaints) == 1
        assert visit.complaints[0].startswith(
            "Failed to load resource: the server responded with a status of 404"
        )
        assert visit.external == []
        assert barriers(visit.page) == []
        paper = visit.page.locator("body").evaluate("(e) => getComputedStyle(e).backgroundColor")
        assert paper == f"rgb{PAPERS[mode]}"
        links = visit.page.evaluate("() => [...document.links].map((link) => link.href)")
        own = [
            link.removeprefix(roots["http"] + "/")
            for link in links
            if link.startswith(roots["http"])
        ]
        assert {f"{page}.html" for page in PAGES} <= set(own)
        assert [link for link in own if not (HTML / link).is_file()] == []
        visit.page.get_by_role("link", name="Open the book").click()
        visit.page.wait_for_url(f"{roots['http']}/{TOC['root']}.html")


@from_server_and_disk
def test_front_door(browser: Browser, roots: dict, scheme: str) -> None:
    first = f"{roots[scheme]}/{TOC['root']}.html"
    with Visit(browser, f"{roots[scheme]}/index.html", roots[scheme]) as visit:
        visit.page.wait_for_url(first)
        assert visit.complaints == []
    door = (HTML / "index.html").read_text(encoding="utf-8")
    assert "<title>Beyond Feedforward</title>" in door
    assert f'<a href="{TOC["root"]}.html">' in door


@from_server_and_disk
def test_search_finds(browser: Browser, roots: dict, scheme: str) -> None:
    with Visit(browser, f"{roots[scheme]}/search.html?q=handwriting", roots[scheme]) as visit:
        found = visit.page.locator("#search-results li a")
        found.first.wait_for()
        assert "book/index.html" in " ".join(a.get_attribute("href") for a in found.all())
        assert visit.complaints == []


def test_reader_chooses_light_or_dark(browser: Browser, roots: dict) -> None:
    url = f"{roots['http']}/{TOC['root']}.html"
    with Visit(browser, url, roots["http"], color_scheme="light") as visit:
        visit.page.locator(".theme-switch-button:visible").click()
        visit.page.reload()
        assert visit.page.locator("html").get_attribute("data-theme") == "dark"


def test_policy_stops_what_is_not_ours(browser: Browser, roots: dict) -> None:
    with Visit(browser, f"{roots['http']}/{TOC['root']}.html", roots["http"]) as visit:
        ran = visit.page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.planted = true";
                document.head.append(script);
                document.body.setAttribute("onclick", "window.planted = true");
                document.body.click();
                new Image().src = "https://example.invalid/x.png";
                return window.planted === true;
            }"""
        )
        assert not ran
        assert len([c for c in visit.complaints if "Content Security Policy" in c]) == 3


# Can these tests fail? ---------------------------------------------------------------------------------

FAULTY = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Faulty</title><h1 id="a">Faulty</h1>
<a href="#a">fine</a><a href="nowhere.html">no file</a><a href="#nowhere">no anchor</a>
<img src="_images/x.png" alt="short"><div style="width: 400px">wide</div>
<p style="color: #aaa">faint</p><script>console.error("complaint")</script><script src="https://example.invalid/x.js"></script></html>"""


def test_planted_faults_are_seen(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "faulty.html"
    path.write_text(FAULTY, encoding="utf-8")
    assert broken_links(path) == ["nowhere.html", "#nowhere", "_images/x.png"]
    assert alt_faults(path) == ["_images/x.png: 'short'"]
    with Visit(browser, path.as_uri(), tmp_path.as_uri()) as visit:
        assert visit.external == ["https://example.invalid/x.js"]
        assert any(complaint.startswith("complaint") for complaint in visit.complaints)
        assert [b.split(":")[0] for b in barriers(visit.page)] == ["color-contrast"]
        visit.page.set_viewport_size({"width": 320, "height": 640})
        assert overflow(visit.page)[0].startswith('<div style="width: 400px">')
