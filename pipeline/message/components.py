"""The components: Python prepares what each one shows, a template in `components/` says how it looks.

A component is called by its name in any template, `{{ table(delays) }}`, without an import. In an `.html`
template it renders `components/NAME.html`, in a `.txt` one `components/NAME.txt`.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import Template, Undefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from pipeline.jobs.columnspec import Columns, humanised, shown_columns
from pipeline.jobs.names import did_you_mean
from pipeline.message import tables
from pipeline.message.columns import as_frame
from pipeline.message.datasets import Dataset, frame_or_value
from pipeline.message.environment import Environment, Kind
from pipeline.message.formats import Formats
from pipeline.message.highlights import ARROWS, direction, tone_of
from pipeline.message.ownwords import SPEAKING, collector, marked
from pipeline.message.tablecache import MadeTables
from pipeline.message.text import aligned

View = dict[str, Any]
BANNERS = ("notice", "warning", "alarm")
_BLOCKS = "▁▂▃▄▅▆▇█"
_MOST_CARDS = 4
_CARD_KEYS = ("label", "value", "delta", "good", "note", "trend")


def install(environment: Environment, prepared: "Preparations", kind: Kind, plain: Environment | None = None) -> None:
    """Makes every component a global of the environment. `plain` is that of the texts, where words are collected."""
    for name, prepare in prepared.all().items():
        speaks = plain if name in SPEAKING else None
        environment.globals[name] = Component(environment, name, prepare, kind, speaks)
    environment.filters["label"] = humanised
    environment.filters["rows"] = prepared.rows
    environment.filters["aligned"] = aligned
    environment.filters["cards"] = prepared.cards


class Component:
    """One component as templates call it."""

    takes_datasets = True

    def __init__(
        self, environment: Environment, name: str, prepare: Callable[..., View], kind: Kind, plain: Environment | None
    ) -> None:
        self._environment = environment
        self._plain = plain
        self._name = name
        self._prepare = prepare
        self._signature = inspect.signature(prepare)
        self._html = kind == "html"
        self._template: Template | None = None

    @pass_context
    def __call__(self, context: Context, *args: Any, caller: Callable[[], str] | None = None, **options: Any) -> str:
        for value in (*args, *options.values()):
            if isinstance(value, Undefined):
                str(value)  # raises with the name that is missing, here and not deep inside the component
        try:
            self._signature.bind(context, *args, **options)
        except TypeError as error:
            raise ValueError(self._complaint(error, options)) from None
        given = {name: frame_or_value(value) for name, value in options.items()}
        view = self._prepare(context, *map(frame_or_value, args), **given)
        if caller is not None:
            view["body"] = caller()
        if self._template is None:
            ending = "html" if self._html else "txt"
            self._template = self._environment.get_template(f"components/{self._name}.{ending}")
        view["theme"] = context.get("theme")
        rendered = "".join(self._environment.pieces(self._template, view))
        words = collector(context.parent)
        if words is not None and self._plain is not None:
            rendered = marked(rendered, len(words))
            words.append("".join(self._plain.pieces(self._plain.get_template(f"components/{self._name}.txt"), view)))
        return Markup(rendered) if self._html else rendered  # noqa: S704 - the component's template escaped it

    def _complaint(self, error: TypeError, options: Mapping[str, Any]) -> str:
        known = [name for name in self._signature.parameters if name != "context"]
        unknown = next((name for name in options if name not in known), "")
        hint = did_you_mean(unknown, known) if unknown else ""
        return f"{self._name}: {error}{hint}; it is {self._name}({', '.join(known)})"


class Preparations:
    """What each component shows, as plain values for its template. Raises ValueError for what cannot be
    shown."""

    def __init__(self, formats: Formats, described: Mapping[str, Columns] | None = None) -> None:
        """`described` is what the job says of its datasets' columns."""
        self._formats = formats
        self._made = MadeTables(formats, described or {})

    def all(self) -> dict[str, Callable[..., View]]:
        return {
            "table": self.table, "kpi": self.kpi, "chart": self.chart, "sparkline": self.sparkline,
            "button": self.button, "banner": self.banner, "section": self.section,
        }  # fmt: skip

    def rows(self, count: int) -> str:
        """`1 row`, `27,004 rows`."""
        return f"{self._formats.number(count)} {'row' if count == 1 else 'rows'}"

    def table(
        self,
        context: Context,
        data: Any,
        columns: Sequence[str] | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        formats: Mapping[str, str] | None = None,
        limit: int | None = None,
        caption: str = "",
        attachment: str | None = None,
    ) -> View:
        """A dataset's first rows, the rest counted; `attachment` is found where a file of the run has the
        dataset."""
        frame = as_frame(data)
        datasets: Mapping[str, Dataset] = context.get("datasets", {})
        name = _name_of(data, datasets)
        if limit is None:
            limit = tables.rows_that_fit(len(columns or frame.columns), len(datasets))
        if attachment is None:
            attachment = context.get("attachments", {}).get(name, "")
        made = self._made.table(
            frame,
            self._described(frame, name, datasets),
            context.get("params", {}),
            columns=columns,
            labels=labels,
            cell_formats=formats,
            limit=limit,
            attachment=attachment,
        )
        return {"table": made.view, "caption": caption}

    def _described(self, frame: Any, name: str, datasets: Mapping[str, Dataset]) -> str:
        """The dataset whose description holds for a frame: itself, or the one that has the very same columns, as
        `delays.head(5)` has."""
        if name or not self._made.described:
            return name
        own = list(frame.columns)
        alike = (one for one in self._made.described if one in datasets and list(datasets[one].columns) == own)
        return next(alike, "")

    @pass_context
    def cards(self, context: Context, data: Any) -> int:
        """How many cards `kpi(data)` makes of a dataset; 0 where a table shows it better."""
        if len(data) != 1:
            return 0
        datasets: Mapping[str, Dataset] = context.get("datasets", {})
        specs = self._made.described.get(_name_of(data, datasets), {})
        shown = sum(column.minus is None for column in shown_columns(map(str, data.columns), specs))
        return shown if shown <= _MOST_CARDS else 0

    def kpi(self, context: Context, cards: Any) -> View:
        """Cards with `label` and `value`; `delta` with an arrow, coloured by `good` (up, down, none); `note`;
        `trend`.

        A dataset of one row makes a card of each of its columns.
        """
        if isinstance(cards, Mapping):
            cards = [cards]
        elif hasattr(cards, "columns"):
            if len(cards) != 1:
                raise ValueError(f"kpi makes cards from a dataset of one row; this one has {len(cards)}")
            datasets: Mapping[str, Dataset] = context.get("datasets", {})
            described = self._described(cards, _name_of(cards, datasets), datasets)
            made = self._made.table(cards, described, context.get("params", {}), limit=1, marked=False)
            cards = _cards_of(made)
        if not 1 <= len(cards) <= _MOST_CARDS:
            raise ValueError(f"kpi shows one to four cards in a row, not {len(cards)}; call it once for each row")
        return {"cards": [self._card(card) for card in cards]}

    def _card(self, card: Mapping[str, Any]) -> View:
        for key in card:
            if key not in _CARD_KEYS:
                raise ValueError(
                    f'kpi: a card has no "{key}", only {", ".join(_CARD_KEYS)}{did_you_mean(key, _CARD_KEYS)}'
                )
        for key in ("label", "value"):
            if key not in card:
                raise ValueError(f'kpi: a card needs a "{key}"')
        delta, good = card.get("delta"), card.get("good", "up")
        if good not in {"up", "down", "none"}:
            raise ValueError(f'kpi: good is "up", "down" or "none", not "{good}"')
        shown = delta if isinstance(delta, str) or delta is None else self._formats.delta(delta)
        way = direction(shown or "")
        return {
            "label": card["label"],
            "value": self._value(card["value"]),
            "delta": shown,
            "arrow": ARROWS[way],
            "tone": tone_of(way, good),
            "note": card.get("note", ""),
            "trend": _blocks(card["trend"]) if "trend" in card else "",
        }

    def _value(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        return self._formats.missing if self._formats.is_missing(value) else self._formats.number(value)

    def chart(
        self,
        context: Context,
        chart: Any,
        alt: str | None = None,
        caption: str = "",
        width: int | None = None,
    ) -> View:
        """A chart of the job, by its name or as `charts.NAME`; `alt` says what it shows where images are
        off."""
        charts: Mapping[str, Mapping[str, Any]] = context.get("charts", {})
        if isinstance(chart, str):
            if chart not in charts:
                raise ValueError(f'chart: there is no chart "{chart}"{did_you_mean(chart, charts)}')
            chart = charts[chart]
        if not isinstance(chart, Mapping) or "src" not in chart:
            raise ValueError(f"chart needs a chart of the job, not a {type(chart).__name__}")
        widest = context["theme"]["width"] - 64
        shown = min(width or chart["width"], widest)
        return {
            **chart,
            "alt": chart["alt"] if alt is None else alt,
            "caption": caption,
            "width": shown,
            "height": round(chart["height"] * shown / chart["width"]),
        }

    def sparkline(self, _context: Context, values: Any, label: str = "") -> View:
        """A line of blocks, one for each value, and in words what it goes from and to."""
        numbers = _numbers(values)
        first, last = (self._formats.number(numbers[0]), self._formats.number(numbers[-1])) if numbers else ("–", "–")
        lead = f"{label}: " if label else ""
        return {"blocks": _blocks(values), "spoken": f"{lead}{len(numbers)} values from {first} to {last}"}

    def button(self, _context: Context, text: str, href: str) -> View:
        if not href.lower().startswith(("https://", "http://", "mailto:")):
            raise ValueError(f'button: "{href}" is not a link that a mail can carry; write https://… or mailto:…')
        return {"text": text, "href": href, "pixels": 32 + 8 * len(text)}

    def banner(self, _context: Context, text: str = "", kind: str = "notice", title: str = "") -> View:
        if kind not in BANNERS:
            raise ValueError(f'banner: kind is one of {", ".join(BANNERS)}, not "{kind}"{did_you_mean(kind, BANNERS)}')
        return {"text": text, "kind": kind, "title": title, "body": ""}

    def section(self, _context: Context, title: str, text: str = "") -> View:
        return {"title": title, "text": text, "body": ""}


def _name_of(data: Any, datasets: Mapping[str, Dataset]) -> str:
    """The dataset that this very value is; empty where it is none."""
    return next((name for name, one in datasets.items() if one.is_of(data)), "")


def _cards_of(table: tables.Table) -> list[View]:
    """A card of each column of a table of one row; a difference belongs to the card before it."""
    cards: list[View] = []
    for column, text in zip(table.columns, table.rows[0], strict=True):
        if column.difference:
            cards[-1] |= {"delta": text, "note": column.label, "good": column.good}
        else:
            cards.append({"label": column.bare, "value": f"{text} {column.unit}" if column.unit else text})
    return cards


def _numbers(values: Any) -> list[float]:
    numbers = [float(value) for value in values if not Formats.is_missing(value)]
    return [number for number in numbers if abs(number) != float("inf")]


def _blocks(values: Any) -> str:
    """One block a value, from the lowest to the highest; a missing one leaves a gap."""
    numbers = _numbers(values)
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    span = (high - low) or 1.0
    last = len(_BLOCKS) - 1
    return "".join(
        " " if Formats.is_missing(value) or abs(float(value)) == float("inf")
        else _BLOCKS[round((float(value) - low) / span * last)]
        for value in values
    )  # fmt: skip
