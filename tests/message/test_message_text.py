"""The text body: derived from HTML, from a template of its own, tables aligned whatever the script."""

import pandas as pd
import pytest

from pipeline.message.text import display_width, from_html, shortened, tidy


def test_it_is_derived_from_the_html_where_there_is_no_txt(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write(
        "t.html", "<p>Hello <a href='https://example.com/x'>there</a></p>{{ table(delays) }}{{ chart(by_hour) }}"
    )
    letter = desk.letter(desk.job(message={"template": "t", "preheader": "hidden words"}))
    text = letter.text.decode().replace("\r\n", "\n")
    assert text.startswith("Daily delays, New York\nJanuary 31, 2013\n\nHello [there](https://example.com/x)\n")
    assert "\n\nCarrier  Flights  Mean delay\n-------  -------  ----------\nUnited       930       12.50\n" in text
    assert "[It climbs from 2 to 30 minutes over the day]" in text
    assert "hidden" not in text
    assert text.endswith("daily-delays@20130201T113000Z\n")
    assert "&" not in text
    assert "<" not in text.replace("<ana@example.com>", "")


def test_tables_and_figures_say_it_in_their_own_words(desk) -> None:  # type: ignore[no-untyped-def]
    delays = "{{ table(delays, limit=2) }}"
    desk.write("t.html", f"{{{{ kpi([{{'label': 'Late', 'value': '3 %'}}]) }}}}<p>between</p>{delays}")
    letter = desk.letter(desk.job(message={"template": "t"}))
    text = letter.text.decode().replace("\r\n", "\n")
    own = desk.text(delays).replace("\r\n", "\n").split("\n\n")
    assert [part for part in text.split("\n\n") if part in own[1:3]] == own[1:3]
    assert "\n\nLate: 3 %\n\nbetween\n\nCarrier  " in text
    assert b"<!--" not in letter.html.split(b"<body")[1]


def test_tables_side_by_side_stay_so(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "<table><tr><td>{{ table(delays) }}</td><td>{{ table(delays) }}</td></tr></table>")
    text = desk.letter(desk.job(message={"template": "t"})).text.decode()
    assert "Carrier  Flights  Mean delay  Carrier  Flights  Mean delay" in text


def test_a_txt_beside_the_html_is_the_text(desk) -> None:  # type: ignore[no-untyped-def]
    text = desk.text("{% for row in delays.to_dict('records') %}\n{{ row.carrier }} & co\n{% endfor %}\n")
    assert "\n\nUnited & co\nDelta & co\nJetBlue & co\n\n" in text
    assert text.startswith("Daily delays, New York\n")


def test_an_html_of_ones_own_does_not_get_the_packages_text(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("report.html", "<p>mine</p>")
    assert "mine" in desk.letter().text.decode()


def test_a_page_of_its_own_is_the_whole_text(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "<html><body><p>just this</p></body></html>")
    assert desk.letter(desk.job(message={"template": "t"})).text == b"just this\r\n"


@pytest.mark.parametrize("source", ["{{ table(delays) }}", None])
def test_wide_characters_stay_aligned(desk, source: str | None) -> None:  # type: ignore[no-untyped-def]
    frame = pd.DataFrame({"carrier": ["全日空", "Delta", "Ä"], "flights": [9, 10, 11]})
    report = desk.report(datasets={"delays": frame})
    if source is not None:
        text = desk.text(source, report)
    else:
        desk.write("t.html", "{{ table(delays) }}")
        text = desk.letter(desk.job(message={"template": "t"}), report).text.decode()
    lines = [line for line in text.splitlines() if line.endswith(("   9", "  10", "  11"))]
    assert len(lines) == 3
    assert len({display_width(line) for line in lines}) == 1


def test_running_text_is_wrapped_and_tables_are_not() -> None:
    prose = "word " * 40
    table = "a  " + "b" * 100
    wrapped = tidy(f"{prose}\n\n\n\n{table}\n- {prose}")
    lines = wrapped.splitlines()
    assert max(display_width(line) for line in lines if "bbb" not in line) <= 76
    assert table in lines
    assert "\n\n\n" not in wrapped
    assert lines[-1].startswith("  word")


def test_long_links_are_not_broken() -> None:
    link = "https://example.com/" + "x" * 100
    assert link in tidy(f"see {link} for more words than fit in this line of text").splitlines()


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("short", 5, "short"), ("longer", 5, "long…"), ("全日空輸", 5, "全日…"), ("", 3, "")],
)
def test_shortened(text: str, width: int, expected: str) -> None:
    assert shortened(text, width) == expected
    assert display_width(expected) <= width


def test_entities_and_hidden_elements() -> None:
    assert from_html("<p>a &amp; b</p><div style='display:none'>no</div><ul><li>x</li></ul>") == "a & b\n\n  * x\n"
