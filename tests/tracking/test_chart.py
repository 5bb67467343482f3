"""Charts have round ticks, names on both axes, bands and values to point at."""

import itertools
import xml.etree.ElementTree as ET

import pytest

from vla_gym.tracking.chart import MAX_POINTS, Series, label, line_chart, ticks


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 409_600), (-0.021, -0.003), (5, 5), (0, 0), (1e-7, 3e-7)]
)
def test_ticks_enclose_the_range_and_are_evenly_spaced(low, high):
    marks = ticks(low, high)
    assert marks[0] <= low
    assert marks[-1] >= high
    assert 2 <= len(marks) <= 9
    steps = [b - a for a, b in itertools.pairwise(marks)]
    assert max(steps) == pytest.approx(min(steps))


def test_labels_are_short():
    assert [label(v) for v in (0, 0.25, 250_000, 1_500_000, -2000)] == [
        "0", "0.25", "250k", "1.5M", "-2k",
    ]  # fmt: skip


def test_chart_is_well_formed_and_labelled():
    eval_ = Series("eval <a>", [0, 10, 20], [0.1, 0.5, 0.9], [0.0, 0.4, 0.8], [0.2, 0.6, 1.0])
    train = Series("train", [0, 20], [0.2, 0.8])
    text = line_chart([eval_, train], "success rate", y_range=(0, 1))
    svg = ET.fromstring(text[: text.index("</svg>") + 6])
    words = [t.text for t in svg.iter("text")]
    assert "success rate" in words
    assert "environment steps" in words
    assert len(list(svg.iter("polygon"))) == 1
    assert len(list(svg.iter("polyline"))) == 2
    titles = [t.text for t in svg.iter("title")]
    assert "eval <a> at 10: 0.5 [0.4, 0.6]" in titles
    assert "eval &lt;a&gt;" in text[text.index("legend") :]


def test_values_map_to_positions():
    text = line_chart([Series("a", [0, 100], [0.0, 1.0])], "y", size=(440, 240), y_range=(0, 1))
    svg = ET.fromstring(text)
    points = next(iter(svg.iter("polyline"))).attrib["points"].split()
    (x0, y0), (x1, y1) = (tuple(map(float, p.split(","))) for p in points)
    assert x0 < x1 <= 440
    assert y0 > y1 >= 0


def test_long_curves_are_averaged_and_empty_ones_left_out():
    long = Series("a", list(range(10_000)), [float(k % 2) for k in range(10_000)])
    text = line_chart([long, Series("b", [], [])], "y")
    svg = ET.fromstring(text)
    (curve,) = svg.iter("polyline")
    assert len(curve.attrib["points"].split()) <= MAX_POINTS
    assert line_chart([Series("b", [], [])], "y") == ""
