"""docs/delivery.md says what the code does: its table of rules, its timeouts, its pauses.

`python tests/delivery/test_delivery_page.py` writes the table anew.
"""

from pathlib import Path

import pytest

from pipeline.delivery.pauses import alerts_after
from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.retry import pause_seconds
from pipeline.delivery.rules import EVENT_RULES, RULES, Rule
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.verdict import Action, Kind, Phase
from pipeline.jobs.replyrules import load_reply_rules

PAGE = Path(__file__).parents[2] / "docs" / "delivery.md"
START, END = "<!-- rules: made by tests/delivery/test_delivery_page.py -->\n", "<!-- end of rules -->"


def table(rules: tuple[Rule, ...]) -> str:
    lines = [
        "| rule | phase | code | enhanced | text | class | scope | action | wait |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rules:
        text = f"`{row.text.pattern}`".replace("|", "\\|") if row.text else ""
        phases = " ".join(phase for phase in Phase if phase in row.phases)
        wait = f"{row.wait:.0f} s" if row.wait else ""
        cells = (
            row.id,
            phases,
            " ".join(row.codes),
            " ".join(row.enhanced),
            text,
            row.kind,
            row.scope,
            row.action,
            wait,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def test_the_table_on_the_page_is_the_table_in_the_code():
    shown = PAGE.read_text().partition(START)[2].partition(END)[0]
    assert shown == table((*RULES, *EVENT_RULES))


def test_the_page_names_every_class_and_action():
    text = PAGE.read_text()
    assert [word for word in (*Kind, *Action) if f"| `{word}` |" not in text] == []


def test_the_timeouts_on_the_page_are_those_in_the_code():
    t = Timeouts()
    row = [t.connect, t.greeting, t.command, t.data, t.block, t.dot]
    assert "| " + " | ".join(f"{value:.0f}" for value in row) + " |" in PAGE.read_text()


@pytest.mark.parametrize(
    ("verdict", "first", "longest", "alert"),
    [
        (classify_event(Phase.CONNECT, "refused", ""), "3 s", "15 min", "third"),
        (classify(Phase.MAIL, 421, "", ""), "1 min", "15 min", "third"),
        (classify(Phase.AUTH, 454, "4.7.0", ""), "1 min", "15 min", "third"),
        (classify(Phase.STARTTLS, 454, "4.7.0", ""), "1 min", "15 min", "third"),
        (classify(Phase.MAIL, 550, "5.4.5", ""), "1 h", "2 h", "once"),
        (classify(Phase.AUTH, 535, "", ""), "15 min", "2 h", "once"),
        (classify_event(Phase.TLS, "untrusted", ""), "15 min", "2 h", "once"),
        (classify_event(Phase.CONNECT, "nxdomain", ""), "15 min", "2 h", "once"),
        (classify_event(Phase.LOCAL, "disk", ""), "1 min", "15 min", "once"),
    ],
)
def test_the_pauses_on_the_page_are_those_in_the_code(verdict, first, longest, alert):
    seconds = {"3 s": 3, "1 min": 60, "15 min": 900, "1 h": 3600, "2 h": 7200}
    assert pause_seconds(verdict, 1) == seconds[first]
    assert pause_seconds(verdict, 50) == seconds[longest]
    assert alerts_after(verdict) == {"third": 3, "once": 1}[alert]


def test_the_rules_on_the_page_are_rules(tmp_path):
    text = PAGE.read_text().partition("```yaml\nrules:")[2].partition("```")[0]
    (tmp_path / "rules.yaml").write_text("rules:" + text)
    [rule] = load_reply_rules(tmp_path, ["relay"])
    assert (rule.name, rule.mailers, rule.action) == ("intake-busy", ("relay",), "pause")


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(START)
    PAGE.write_text(before + START + table((*RULES, *EVENT_RULES)) + END + rest.partition(END)[2])
