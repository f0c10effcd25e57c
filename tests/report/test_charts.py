"""Pictures of the right size with words that state the finding; and no picture where it would mislead."""

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ChartError
from pipeline.jobs.model import Chart
from pipeline.report import charts
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.charts import png, theme, vega
from pipeline.report.charts.fields import fields, rows
from pipeline.report.charts.marks import MARKS
from pipeline.report.model import ChartImage, Facts

Put = Callable[[Mapping[str, Any]], None]
HOURS = pd.DataFrame({"hour": [5, 21, 7], "mean_delay": [5.2, 43.1, 9.0]})


def draw(facts: Facts, store: ArtifactStore, frame: pd.DataFrame, kind: Any, **options: Any) -> ChartImage:
    chart = Chart(kind=kind, data="d", **options)
    return charts.draw("it", chart, {"d": frame}, facts, store)


def tiny_png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * (width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


LETTERS = pd.DataFrame({"carrier": ["UA", "AA"], "n": [3, 1]})
DAYS = pd.DataFrame({"day": pd.date_range("2013-01-01", periods=3), "n": [2, 1, 3]})
GRID = pd.DataFrame({"hour": [5, 6, 5], "weekday": ["Mon", "Mon", "Tue"], "delay": [1.5, 9, 4]})


@pytest.mark.parametrize(
    ("frame", "kind", "channels", "title", "alt"),
    [
        (HOURS, "line", "hour mean_delay", "Mean delay by hour", "highest 43.1 at 21, lowest 5.2 at 5"),
        (LETTERS, "bar", "carrier n", "N by carrier", "highest 3 at UA, lowest 1 at AA"),
        (DAYS, "bar", "day n", "N by day", "highest 3 at 2013-01-03, lowest 1 at 2013-01-02"),
        (DAYS, "area", "day n", "N by day", "highest 3 at 2013-01-03, lowest 1 at 2013-01-02"),
        (HOURS, "scatter", "hour mean_delay", "Mean delay by hour",
         "3 points, hour from 5 to 21, mean delay from 5.2 to 43.1"),
        (GRID, "heat", "hour weekday delay", "Delay by hour and weekday",
         "highest 9 at 6, Mon, lowest 1.5 at 5, Mon"),
        (pd.DataFrame({"x": [1, 2], "y": [3, 3]}), "line", "x y", "Y by x", "3 throughout"),
        (pd.DataFrame({"x": [1, 2], "y": [np.nan, np.inf]}), "line", "x y", "Y by x", "no data"),
    ],
)  # fmt: skip
def test_kinds(
    facts: Facts, store: ArtifactStore, frame: pd.DataFrame, kind: str, channels: str, title: str, alt: str
) -> None:
    image = draw(facts, store, frame, kind, **dict(zip(("x", "y", "color"), channels.split(), strict=False)))
    assert (image.title, image.alt) == (title, f"{title}: {alt}")
    assert image.width == 544
    assert png.size(store.read(image.artifact.sha256)) == (2 * image.width, 2 * image.height)
    assert image.artifact.media_type == "image/png"


def test_title_and_alt_of_the_job(facts: Facts, store: ArtifactStore) -> None:
    image = draw(facts, store, HOURS, "line", x="hour", y="mean_delay", title="Late?", alt="Evenings are late")
    assert (image.title, image.alt) == ("Late?", "Evenings are late")
    assert draw(facts, store, HOURS, "line", x="hour", y="mean_delay", title="Late?").alt.startswith("Late?: high")


def test_the_same_data_gives_the_same_picture(facts: Facts, store: ArtifactStore) -> None:
    one, two = (draw(facts, store, DAYS, "bar", x="day", y="n") for _ in range(2))
    assert one.artifact == two.artifact


@pytest.mark.parametrize("name", ["a.b", "a[0]", "a'b", 'a"b', "a\\b", "<b>", "datum", "ü ö", "x_at"])
def test_columns_of_any_name(facts: Facts, store: ArtifactStore, name: str) -> None:
    frame = pd.DataFrame({name: [1, 2], "y": [3.0, 4.0]})
    image = draw(facts, store, frame, "line", x=name, y="y")
    plain = draw(facts, store, frame.rename(columns={name: "plain"}), "line", x="plain", y="y", title=image.title)
    assert image.alt == f"{image.title}: highest 4 at 2, lowest 3 at 1"
    assert (image.width, image.height) == (plain.width, plain.height)


def test_times_are_drawn_as_the_wall_clock_shows_them() -> None:
    zoned = pd.to_datetime(["2013-01-02 05:00", "2013-07-02 05:00"], utc=True).tz_convert("America/New_York")
    frame = pd.DataFrame({"t": zoned, "d": [pd.Timestamp(2013, 1, 2).date()] * 2, "n": pd.array([1, None], "Int64")})
    found = fields(frame, {"x": "t", "color": "d", "y": "n"}, "it")
    assert [field.measure for field in found.values()] == ["temporal", "temporal", "quantitative"]
    assert rows(found) == [
        {"x": "2013-01-02T00:00:00.000Z", "color": "2013-01-02T00:00:00.000Z", "y": 1.0},
        {"x": "2013-07-02T01:00:00.000Z", "color": "2013-01-02T00:00:00.000Z", "y": None},
    ]


@pytest.mark.parametrize(
    ("frame", "kind", "channels", "message"),
    [
        (HOURS, "line", {"x": "hour", "y": "delay"}, r'no column "delay"; did you mean "mean_delay"\?'),
        (HOURS, "line", {"x": "hour"}, 'needs "y"'),
        (HOURS, "heat", {"x": "hour", "y": "hour"}, 'needs "color"'),
        (LETTERS, "bar", {"x": "n", "y": "carrier"}, 'y must be a column of numbers, "carrier" holds text'),
        (HOURS.iloc[:0], "line", {"x": "hour", "y": "delay"}, r'no column "delay"; did you mean "mean_delay"\?'),
        (pd.DataFrame({"x": range(5001), "y": 1}), "scatter", {"x": "x", "y": "y"}, "5,001 rows .* aggregate"),
        (pd.DataFrame({"x": [1, 1], "y": [2, 3]}), "line", {"x": "x", "y": "y"}, "several rows have x 1"),
        (pd.DataFrame({"x": [1], "y": [pd.Timedelta("1h")]}), "line", {"x": "x", "y": "y"}, "holds durations"),
        (pd.DataFrame({"x": [[1]], "y": [1]}), "line", {"x": "x", "y": "y"}, "of type list"),
        (pd.DataFrame({"x": 1, "y": 1, "c": [f"s{n}" for n in range(17)]}), "line",
         {"x": "x", "y": "y", "color": "c"}, "17 different values of c"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn(
    facts: Facts, store: ArtifactStore, frame: pd.DataFrame, kind: str, channels: dict[str, str], message: str
) -> None:
    with pytest.raises(ChartError, match=f'^chart "it": .*{message}'):
        draw(facts, store, frame, kind, **channels)


@pytest.mark.parametrize(
    ("frame", "kind", "channels"),
    [
        (HOURS.iloc[:0], "line", {"x": "hour", "y": "mean_delay"}),
        (HOURS.iloc[:0], "bar", {"x": "hour", "y": "mean_delay", "color": "hour"}),
        (HOURS.iloc[:0], "heat", {"x": "hour", "y": "hour", "color": "mean_delay"}),
        (pd.DataFrame({"x": pd.Series(dtype=object), "y": pd.Series(dtype=object)}), "line", {"x": "x", "y": "y"}),
        (pd.DataFrame({"x": [1, 2], "y": [None, None]}, dtype="Float64"), "scatter", {"x": "x", "y": "y"}),
        (pd.DataFrame({"x": ["a", None], "y": [None, 1.0]}), "bar", {"x": "x", "y": "y"}),
    ],
)
def test_without_data_a_low_card_says_so(
    facts: Facts, store: ArtifactStore, frame: pd.DataFrame, kind: str, channels: dict[str, str]
) -> None:
    image = draw(facts, store, frame, kind, title="Minutes late", **channels)
    assert (image.title, image.alt) == ("Minutes late", "Minutes late: no data")
    assert 0 < image.height < 200 < 536 <= image.width <= 552
    told = draw(facts, store, frame, kind, alt="Who was late", **channels)
    assert told.alt == "Who was late: no data"


def test_a_card_without_data_is_named_as_its_chart_would_be(facts: Facts, store: ArtifactStore) -> None:
    assert draw(facts, store, HOURS.iloc[:0], "line", x="hour", y="mean_delay").title == "Mean delay by hour"


def test_one_value_is_enough_to_draw(facts: Facts, store: ArtifactStore) -> None:
    frame = pd.DataFrame({"x": [1, 2], "y": [None, 3.0], "c": [None, None]})
    assert draw(facts, store, frame, "bar", x="x", y="y", color="c").height > 200


def test_sixteen_series_are_told_apart_by_color_and_dash() -> None:
    frame = pd.DataFrame({"x": 1, "y": 1, "c": [f"s{n}" for n in range(16)]})
    encoding = MARKS["line"](fields(frame, {"x": "x", "y": "y", "color": "c"}, "it"), "it")["encoding"]
    looks = zip(encoding["color"]["scale"]["range"], encoding["strokeDash"]["scale"]["range"], strict=True)
    assert len({(color, tuple(dash)) for color, dash in looks}) == 16


def test_any_vega_lite_file(facts: Facts, store: ArtifactStore, put: Put) -> None:
    encoding = {"x": {"field": "hour"}, "y": {"field": "mean_delay", "type": "quantitative"}}
    put({"a.vl.json": json.dumps({"mark": "point", "encoding": encoding, "height": 100})})
    image = draw(facts, store, HOURS, "vega", spec="a.vl.json", title="T")
    assert (image.title, image.alt) == ("T", "T")
    assert 536 <= image.width <= 552


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"mark": "point", "data": {"url": "http://127.0.0.1:9/x.json"}}, r"refers to .*127\.0\.0\.1"),
        ({"mark": "point", "data": {"url": "file:///etc/hostname"}}, "refers to .*/etc/hostname"),
        ({"layer": [{"mark": "point", "data": {"url": "data/x.csv"}}]}, "refers to"),
        ({"mark": {"type": "image", "url": "http://127.0.0.1:9/x.png"}}, "refers to"),
        ({"mark": "nonsense"}, "Vega-Lite cannot draw it"),
    ],
)
def test_specifications_that_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ChartError, match=message):
        vega.draw(spec, "it")


def test_an_image_whose_address_is_computed_is_not_fetched() -> None:
    """A listener on this machine sees no connection."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
        spec = {
            "data": {"values": [{"a": 1}]},
            "transform": [{"calculate": json.dumps(address), "as": "where"}],
            "mark": {"type": "image", "width": 9, "height": 9},
            "encoding": {"url": {"field": "where"}},
        }
        with pytest.raises(ChartError, match="refers to"):
            vega.draw(spec, "it")
        with pytest.raises(BlockingIOError):
            server.accept()


def test_python_charts(facts: Facts, store: ArtifactStore, put: Put) -> None:
    picture = tiny_png(20, 10)
    put(
        {
            "pictures_a.py": f"def draw(d):\n    return {picture!r}\n"
            "class Figure:\n    def savefig(self, to, **how): to.write(draw(None))\n"
            "def figure(d): return Figure()\n"
            "def text(d): return 'x'\n"
            "def broken(d): return b'GIF89a'\n"
        }
    )

    def image(function: str) -> ChartImage:
        return draw(facts, store, HOURS, "python", spec=f"pictures_a:{function}", alt="A")

    assert (image("draw").width, image("draw").height, image("draw").alt) == (10, 5, "A")
    assert store.read(image("figure").artifact.sha256) == picture
    with pytest.raises(ChartError, match=r'chart "it": .*PNG bytes or a matplotlib Figure, not str'):
        image("text")
    with pytest.raises(ChartError, match='chart "it": not a PNG picture'):
        image("broken")


# --- colors -------------------------------------------------------------------------------------------------


def linear(color: str) -> np.ndarray:
    srgb = np.array([int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("color", theme.PALETTE)
def test_colors_stand_out_on_white(color: str) -> None:
    """WCAG 2.2, 1.4.11: 3:1 for graphics."""
    luminance = float(linear(color) @ [0.2126, 0.7152, 0.0722])
    assert 1.05 / (luminance + 0.05) >= 3


SIGHT = {
    "normal": np.eye(3),
    # Machado, Oliveira, Fernandes 2009, severity 1.0
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ rgb, 1e-6, None) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_colors_differ_to_every_eye(sight: str) -> None:
    """A distance of 15 in CIELAB is seen at a glance."""
    seen = [lab(np.clip(SIGHT[sight] @ linear(color), 0, 1)) for color in theme.PALETTE]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) >= 15


def test_png_size_needs_a_png(tmp_path: Path) -> None:
    assert png.size(tiny_png(7, 5)) == (7, 5)
    with pytest.raises(ValueError, match="not a PNG"):
        png.size(b"GIF89a")
