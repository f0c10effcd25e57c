"""How every chart looks: the mail's fonts and greys on a white card, so that it reads in light and dark mode
alike."""

from typing import Any

WIDTH = 544
"""CSS pixels of the whole picture: a 600 px mail less its padding."""
HEIGHT = 300
EMPTY_HEIGHT = 120
"""Of the card in place of a picture without data."""
INK, MUTED, GRID = "#1F2937", "#6B7280", "#E5E7EB"
PALETTE = ("#0067B1", "#D76C14", "#076E4D", "#A54B8A", "#4795B7", "#6C5000", "#303945", "#582D80")
"""The hues of Okabe and Ito ("Color Universal Design"), spread in lightness: each has a contrast of 3:1 on
white (WCAG 1.4.11), and any two differ for colour-blind eyes too (tests/report/test_charts.py measures
both)."""
HEAT = ("#EFF6FF", "#BFD9F2", "#7FB2E0", "#3A82C4", "#0B57A0", "#08306B")
"""Light to dark in one hue: it keeps its order in greyscale too."""
_FONT = "Helvetica Neue, Arial, Liberation Sans, sans-serif"


def config() -> dict[str, Any]:
    """The Vega-Lite `config` object."""
    label = {"labelColor": MUTED, "labelFont": _FONT, "labelFontSize": 11, "labelPadding": 6}
    heading = {"titleColor": MUTED, "titleFont": _FONT, "titleFontSize": 11, "titleFontWeight": "normal"}
    return {
        "background": "#FFFFFF",
        "padding": 16,
        "aria": False,  # a PNG has no use for it, and its texts break on a backslash in a title
        "font": _FONT,
        "view": {"stroke": None},
        "title": {
            "anchor": "start", "frame": "bounds", "offset": 14,
            "color": INK, "font": _FONT, "fontSize": 15, "fontWeight": 600,
            "subtitleColor": MUTED, "subtitleFont": _FONT, "subtitleFontSize": 11, "subtitlePadding": 5,
        },
        "axis": {
            **label, **heading, "gridColor": GRID, "gridWidth": 1, "domain": False, "ticks": False,
            "titlePadding": 8, "labelOverlap": True, "labelLimit": 150,
        },
        "axisX": {"grid": False, "domain": True, "domainColor": "#D1D5DB", "labelAngle": 0},
        "axisY": {"tickCount": 5},
        "legend": {
            **label, **heading, "labelPadding": 0, "labelLimit": 160, "offset": 10,
            "orient": "top", "direction": "horizontal", "columns": 8, "columnPadding": 14, "rowPadding": 4,
            "symbolType": "circle", "symbolSize": 60,
        },
        "range": {"category": list(PALETTE), "heatmap": list(HEAT), "ramp": list(HEAT)},
        "line": {"strokeWidth": 2.25, "strokeJoin": "round", "strokeCap": "round", "color": PALETTE[0]},
        "bar": {"color": PALETTE[0], "cornerRadiusEnd": 2},
        "area": {"color": PALETTE[0], "opacity": 0.85, "line": False},
        "point": {"color": PALETTE[0], "filled": True, "size": 36, "opacity": 0.75},
        "rect": {"stroke": "#FFFFFF", "strokeWidth": 1.5},
        "text": {"font": _FONT, "fontSize": 11, "color": INK},
    }  # fmt: skip
