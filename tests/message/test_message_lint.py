"""The lint: each rule on a mail that breaks just it, and silence on one that is right."""

import ast
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.ledger.records import Artifact, Letter, Part
from pipeline.message.lint.colour import contrast, parse
from pipeline.message.lint.finding import Level
from pipeline.message.lint.letter import lint_letter
from pipeline.message.lint.spam import read_report

PICTURE = Part(Artifact("a" * 64, 10, "image/png"), "chart.png", "inline", "chart@example.com")
PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><title>Daily delays</title><style>
@media (prefers-color-scheme:dark){{.paper{{background:#101010 !important}}.ink,.ink td{{color:#eeeeee !important}}}}
</style></head>
<body style="background:#ffffff;color:#222222"><div style="display:none">Worst: Delta</div>
<table role="presentation" class="paper ink" style="background:#ffffff"><tr><td>
<h1>Daily delays</h1><p>930 flights, 12.5 minutes late.</p>
{}
</td></tr></table></body></html>
"""
WEBP = ("warning", "client-support")
TEXT = "Daily delays\r\n930 flights, 12.5 minutes late.\r\n"


def letter(body: str = "", *, text: str = TEXT, subject: str = "Daily delays: 12.5 minutes", **more: object) -> Letter:
    made = Letter(
        message_id="<1@example.com>",
        sender="a@example.com",
        recipients=("b@example.com",),
        headers=f"Subject: {subject}\r\n".encode(),
        text=text.encode(),
        html=PAGE.format(body).replace("\n", "\r\n").encode(),
        parts=(PICTURE,),
        subject=subject,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def attached(name: str, size: int) -> Part:
    return Part(Artifact("b" * 64, size, "a/b"), name, "attachment", "")


def found(made: Letter) -> list[tuple[str, str]]:
    return [(finding.level.value, finding.rule) for finding in lint_letter(made)]


def test_a_mail_that_is_right_has_no_finding() -> None:
    assert lint_letter(letter('<img src="cid:chart@example.com" width="600" alt="It climbs">')) == ()


@pytest.mark.parametrize(
    ("body", "level", "rule", "words"),
    [
        ('<img src="cid:chart@example.com" width="600">', "error", "alt-text", "without alt text"),
        ('<table role="presentation" width="900"><tr><td>a</td></tr></table>', "warning", "too-wide", "900 px wide"),
        ('<div style="width: 601px">a</div>', "warning", "too-wide", "601 px wide, in a mail of 600 px"),
        ('<div style="min-width:700px"><p style="width:800px">a</p></div>', "warning", "too-wide", "700 px"),
        ('<img src="cid:chart@example.com" width="600" alt="">', "warning", "alt-text", "empty alt"),
        ('<img src="cid:chart@example.com" width="600" alt="by_hour.png">', "warning", "alt-text", "file name"),
        ('<img src="cid:chart@example.com" alt="It climbs">', "warning", "picture-width", "without a width"),
        ('<img src="cid:gone@example.com" width="9" alt="It climbs">', "error", "picture", "not in the mail"),
        ('<img src="https://x.org/a.png" width="9" alt="It climbs">', "warning", "picture", "fetched from outside"),
        ('<img src="chart.png" width="9" alt="It climbs">', "error", "picture", "no address of a picture"),
        ('<a href="">Open</a>', "error", "link", "leads nowhere"),
        ('<a href="#">Open</a>', "error", "link", "leads nowhere"),
        ('<a href="http://x.org/a">Open</a>', "warning", "link", "not encrypted"),
        ('<a href="/reports">Open</a>', "error", "link", "nothing outside can open"),
        ('<a href="javascript:go()">Open</a>', "error", "link", "nothing outside can open"),
        ('<a href="https://localhost:8000/">Open</a>', "error", "link", 'leads to "localhost"'),
        ('<a href="mailto:ana">Ana</a>', "error", "link", "names no address"),
        ('<a href="https://evil.org/">www.bank.com/login</a>', "error", "link-mismatch", "leads to evil.org"),
        ('<a href="https://x.org/">click here</a>', "warning", "link-text", "click here"),
        ('<a href="https://x.org/"></a>', "error", "link-text", "no text"),
        ("<p>Hello {{ name }}</p>", "error", "leftover", "{{"),
        ("<p>{% if x %}</p>", "error", "leftover", "{%"),
        ("<p>Dear None,</p>", "error", "leftover", "None"),
        ('<table><tr><th scope="col">a</th></tr><tr><td>None</td></tr></table>', "error", "leftover", "None"),
        ("<p>mean nan</p>", "error", "leftover", "nan"),
        ("<p>due NaT</p>", "error", "leftover", "NaT"),
        ("<p>${TOKEN}</p>", "error", "leftover", "${TOKEN}"),
        ('<a href="https://x.org/?c=nan">Open</a>', "error", "leftover", "nan"),
        ("<table><tr><td>1 row</td></tr></table>", "warning", "table-role", "without header cells"),
        ("<table><tr><th>Head</th></tr></table>", "warning", "table-role", "without scope"),
        ("<h3>Late</h3>", "warning", "heading-order", "<h3> follows <h1>"),
        ('<p style="color:#999999">pale</p>', "warning", "contrast", "2.8:1 (#999999 on #ffffff)"),
        ('<p style="color:#fefefe">invisible</p>', "error", "contrast", "1.0:1 (#fefefe"),
        ('<td class="x" style="background:#ffffff;color:#222222">white</td>', "error", "contrast", "in dark mode"),
        ('<p style="display:flex">row</p>', "warning", "client-support", "(Windows) does not know display:flex"),
        ('<p style="float:left">row</p>', "warning", "client-support", "Outlook (Windows) does not know float"),
        ('<p style="width:calc(100% - 2px)">w</p>', "warning", "client-support", "calc()"),
        ('<p style="border-radius:4px">r</p>', "note", "client-support", "border-radius"),
        ("<video></video>", "warning", "client-support", "<video> element"),
        ("<style>p:hover{color:#000}@font-face{src:x}</style>", "warning", "client-support", "@font-face"),
    ],
)  # fmt: skip
def test_each_rule_finds_its_fault_and_says_where(body: str, level: str, rule: str, words: str) -> None:
    findings = [finding for finding in lint_letter(letter(body)) if finding.rule == rule]
    assert any(finding.level == level and words in finding.what for finding in findings), findings
    assert all(finding.where.startswith("html") and finding.advice for finding in findings)


@pytest.mark.parametrize(
    "body",
    [
        "<p>Arrived. None of the flights was late.</p>",
        "<p>None</p><p>x</p>".replace("None", "None of them"),
        '<p class="none">Information, infinite, Nancy, Undefined behaviour</p>',
        '<a href="https://www.example.com/a">example.com</a>',
        '<a href="https://example.com/a"><img src="cid:chart@example.com" width="40" alt="Home"></a>',
        '<table role="presentation"><tr><td>x</td></tr></table>',
        '<p style="color:#949494;font-size:24px">large</p>',
        "<style>@media (max-width:600px){td{display:flex;float:left}}</style>",
        "<h2>Late</h2><h3>Later</h3><h2>Last</h2>",
        '<p style="float:none">plain</p>',
        '<div style="display:none"><img src="cid:chart@example.com" width="1" alt=""></div>',
    ],
)
def test_what_is_right_is_left_alone(body: str) -> None:
    findings = [
        finding for finding in lint_letter(letter(body)) if finding.rule != "contrast" or "dark" not in finding.what
    ]
    assert [finding for finding in findings if finding.level != Level.NOTE] == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (letter(subject=""), ("error", "subject")),
        (letter(subject="x" * 79), ("warning", "subject")),
        (letter(subject="DAILY DELAYS NOW"), ("warning", "subject")),
        (letter(subject="Late!!"), ("warning", "subject")),
        (letter(subject="{{ title }}"), ("error", "leftover")),
        (letter(subject="Worst: Delta"), ("warning", "preheader")),
        (letter(text=""), ("error", "text-part")),
        (letter(text="931 flights, 12.5 minutes late.\r\n"), ("warning", "text-part")),
        (letter("<p>1 2 3 4 5 6 7 8</p>", text="Open it.\r\n"), ("warning", "text-part")),
        (letter(text=TEXT + "a nan b\r\n"), ("error", "leftover")),
        (letter(text=TEXT + "word " * 30 + "\r\n"), ("note", "line-length")),
        (letter(headers=b"Subject: x\r\nX-Long: " + b"y" * 1000 + b"\r\n"), ("error", "line-length")),
        (letter("x" * 103_000), ("error", "gmail-clip")),
        (letter("x" * 95_000), ("warning", "gmail-clip")),
        (letter(parts=(attached("tool.EXE", 10),)), ("error", "file-kind")),
        (letter(parts=(attached("a.csv", 20_000_000),)), ("error", "mail-size")),
        (letter(html=b"<p>930 12.5</p>"), ("warning", "language")),
        (letter(html=b"<p>930 12.5</p>"), ("note", "preheader")),
        (letter(parts=(replace(PICTURE, artifact=Artifact("c" * 64, 9, "image/webp")),)), WEBP),
    ],
)  # fmt: skip
def test_the_whole_letter_is_judged(made: Letter, expected: tuple[str, str]) -> None:
    assert expected in found(made)


def test_a_letter_without_html_is_judged_by_its_text() -> None:
    assert found(letter(html=b"")) == []


@pytest.mark.parametrize("unit", ["x", "1", "1,", "1-", "a ", "@", "#", "rgb(", "<p>", "{"])
def test_a_long_mail_takes_no_longer_than_its_length(unit: str) -> None:
    """100,000 characters without a pause: a pattern that looks back from each would need minutes."""
    started = time.process_time()
    lint_letter(letter(unit * (100_000 // len(unit)), text=unit * 50_000))
    assert time.process_time() - started < 5


def test_the_worst_comes_first_and_nothing_twice() -> None:
    made = letter('<p style="border-radius:1px">nan</p><p style="border-radius:1px;float:left">nan nan</p>' * 2)
    levels = [finding.level for finding in lint_letter(made)]
    assert levels == sorted(levels, key=list(Level).index)
    supports = [finding.what for finding in lint_letter(made) if finding.rule == "client-support"]
    assert len(supports) == len(set(supports)) == 2


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000", "#ffffff", 21.0), ("rgb(119, 119, 119)", "white", 4.48), ("#1f5fbf url(x)", "#1F5FBF", 1.0)],
)
def test_contrast_is_wcags(one: str, other: str, ratio: float) -> None:
    ink, paper = parse(one), parse(other)
    assert ink is not None
    assert paper is not None
    assert contrast(ink, paper) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize("text", ["", "none", "transparent", "url(#ab)", "inherit"])
def test_no_colour_is_none(text: str) -> None:
    assert parse(text) is None


def test_the_page_names_every_rule_and_no_other() -> None:
    root = Path(__file__).parents[2]
    named = set(re.findall(r"^\| `([a-z-]+)` \|", (root / "docs/lint.md").read_text(encoding="utf-8"), re.MULTILINE))
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in (root / "pipeline/message/lint").glob("*.py")]
    calls = [node for module in modules for node in ast.walk(module) if isinstance(node, ast.Call)]
    place = {"error": 0, "warning": 0, "note": 0, "Finding": 1}
    rules = [
        call.args[place[call.func.id]] for call in calls if isinstance(call.func, ast.Name) and call.func.id in place
    ]
    assert named == {rule.value for rule in rules if isinstance(rule, ast.Constant)}


@pytest.mark.parametrize(
    "body",
    [
        '<table role="presentation" width="600"><tr><td width="50%" style="width:100%">a</td></tr></table>',
        '<div style="width:900px;max-width:100%">a</div>',
        '<table role="presentation" class="frame" width="720"><tr><td style="width:700px">a</td></tr></table>',
    ],
)
def test_what_fits_is_not_too_wide(body: str) -> None:
    assert ("warning", "too-wide") not in found(letter(body))


@pytest.mark.parametrize(
    ("status", "level", "advice"),
    [
        (
            "No, score=-0.1 required=5.0 tests=NO_RELAYS,\n\tHTML_MESSAGE autolearn=ham",
            "note",
            "NO_RELAYS, HTML_MESSAGE",
        ),
        ("No, score=2.5 required=5.0 tests=A autolearn=no version=3.4", "warning", "its rules: A"),
        ("Yes, score=7.1 required=5.0 tests=A,B", "error", "its rules: A, B"),
        ("No, hits=0.0 required=5.0 tests=none", "note", "its rules: none"),
    ],
)
def test_the_report_of_spamassassin(status: str, level: str, advice: str) -> None:
    finding = read_report(f"X-Spam-Status: {status}\nSubject: a\n\nbody\n".encode())
    assert finding is not None
    assert (finding.level.value, finding.rule, finding.advice.endswith(advice)) == (level, "spam", True)


def test_no_report_is_no_finding() -> None:
    assert read_report(b"Subject: a\n\nX-Spam-Status: Yes, score=9 required=5\n") is None
