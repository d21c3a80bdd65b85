# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: what it paints is what NumPy says, whatever moves the threshold."""

from __future__ import annotations

from headless_chromium import find_chromium
import numpy as np
import pytest

from hybrid_perception.objects.open_set_object import ObjectGate, find_objects
from hybrid_perception.objects.tracking import ObjectTracker
from hybrid_perception.scene import Style
from hybrid_perception.segmentation import Segmentation
from hybrid_perception.view.bag_view import BagView
from hybrid_perception.view.sampling import sample

WIDTH = 30
STATE = 'document.documentElement.dataset'
# Counts the pixels of a view that have a colour.
COUNT = """(() => {{ const canvas = document.querySelector('[data-view={view}] > canvas');
const {{data}} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
let count = 0;
for (let at = 0; at < data.length; at += 4) {{
  if (data[at] === {color[0]} && data[at + 1] === {color[1]}
      && data[at + 2] === {color[2]}) count++;
}}
return count; }})()"""
TEXTS = "[...document.querySelectorAll('{}')].map(element => element.textContent)"
WHITE = (255, 255, 255)


@pytest.fixture
def page(run_tool, seen, tmp_path):
    target = tmp_path / 'page.html'
    code, out, err = run_tool(
        'view', seen, '--html', target, '--no-browser', '--color-range', -128, 128,
        '--width', WIDTH)
    assert (code, err) == (0, '')
    assert out.startswith(f'{target}: 10 frames, ')
    return target


@pytest.fixture
def scores(seen, manifest):
    return [sample(frame.score, WIDTH) for frame in BagView(seen, manifest.class_map).frames()]


def settled(browser, **wanted):
    """Wait until the page shows what is wanted; give its state with numbers as numbers."""
    conditions = ' && '.join(f'{STATE}.{name} === "{value}"' for name, value in wanted.items())
    browser.wait_for(f'{STATE}.ready && {conditions or "true"}')
    return {name: float(value) for name, value in browser.evaluate(f'({{...{STATE}}})').items()}


def check(browser, scores, state):
    """Compare the mask on the screen, and the count in the text, with NumPy."""
    score = scores[int(state['frame'])]
    expected = int((score >= np.float32(state['threshold'])).sum())
    assert browser.evaluate(COUNT.format(view='mask', color=WHITE)) == expected
    assert state['unknown'] == expected
    assert state['pixels'] == score.size
    assert f'({expected} of {score.size})' in browser.evaluate(
        "document.getElementById('count').textContent")
    return expected


def test_the_threshold_changes_the_mask(open_browser, page, scores):
    browser = open_browser(f'{page.as_uri()}#frame=3&threshold=-75')
    state = settled(browser, frame=3)
    assert state['threshold'] == pytest.approx(-75, abs=0.6)
    before = check(browser, scores, state)

    browser.evaluate("document.querySelector('[data-edge]').click()")   # operating point 'middle'
    state = settled(browser, threshold=50)
    at_point = check(browser, scores, state)
    assert 0 < at_point < before
    assert at_point == int((scores[3] >= 50.0).sum())

    # As a hand on the slider does it.
    browser.evaluate("""(() => { const slider = document.getElementById('threshold');
        slider.value = 20; slider.dispatchEvent(new Event('input')); })()""")
    browser.wait_for(f'Number({STATE}.threshold) < -100')
    low = check(browser, scores, settled(browser))
    assert low > before
    assert browser.errors() == []


def test_keys_and_address(open_browser, page, scores):
    browser = open_browser(f'{page.as_uri()}#frame=2&operating_point=high')
    settled(browser, frame=2, threshold=100.5)
    browser.press('ArrowRight', 39)
    settled(browser, frame=3, threshold=100.5)
    browser.press('p', 80)
    check(browser, scores, settled(browser, frame=3, threshold=50))
    browser.press('ArrowUp', 38, shift=True)
    browser.wait_for(f'Number({STATE}.threshold) > 55')
    state = settled(browser)
    check(browser, scores, state)
    # The address follows, and another one is taken up.
    browser.wait_for(f"location.hash.includes('frame=3') && location.hash.includes("
                     f"'threshold=' + {STATE}.threshold)")
    browser.evaluate("location.hash = '#frame=7&threshold=0&view=mask'")
    check(browser, scores, settled(browser, frame=7))
    shown = "[...document.querySelectorAll('figure')].filter(f => f.offsetParent).length"
    assert browser.evaluate(shown) == 1
    browser.press('0', 48)
    browser.wait_for(f'{shown} === 4')
    browser.press(' ', 32)
    settled(browser, frame=9)   # it plays
    assert browser.errors() == []


def test_views_legend_and_plots(open_browser, page, scores, legend):
    browser = open_browser(f'{page.as_uri()}#frame=1&operating_point=high')
    state = settled(browser, frame=1, threshold=100.5)
    codes = legend.scale.encode(scores[1])
    color, count = np.unique(legend.scale.palette[codes].reshape(-1, 3), axis=0,
                             return_counts=True)
    most = count.argmax()
    assert browser.evaluate(COUNT.format(view='heat', color=color[most])) == count[most]
    # The rim of the unknown in the overlay is pure white and black.
    unknown = scores[1] >= 100.5
    inside = np.pad(unknown, 1, mode='edge')
    same = (inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:])
    assert browser.evaluate(COUNT.format(view='overlay', color=WHITE)) >= (unknown & ~same).sum()
    texts = browser.evaluate(TEXTS.format('#legend li'))
    assert texts == ['red', 'green', 'blue', 'unknown']
    assert browser.evaluate("document.querySelectorAll('#ticks i').length") == 2
    titles = browser.evaluate(TEXTS.format('#plots h2'))
    assert titles == ['Anomaly score, quantiles of each frame',
                      'Unknown pixels at this threshold, %']
    assert browser.evaluate("document.querySelectorAll('#plots polyline').length") == 5
    assert browser.evaluate("document.querySelectorAll('#plots .limit').length") == 1
    assert state['frame'] == 1


def boxes_of(scores, state):
    """Find the objects of the pixels shown, as the node does."""
    score = scores[int(state['frame'])]
    threshold = float(np.float32(state['threshold']))
    mask = np.where(score >= np.float32(threshold), np.uint8(255), np.uint8(0))
    return find_objects(
        Segmentation(np.zeros(score.shape, np.uint8), score), mask, threshold=threshold,
        confidence_range=5.0, gate=ObjectGate())


def test_boxes_of_the_objects(open_browser, page, scores, seen, manifest):
    # Between operating points: the parts that NumPy and OpenCV find in the pixels shown.
    browser = open_browser(f'{page.as_uri()}#frame=3&threshold=-40')
    state = settled(browser, frame=3)
    expected = boxes_of(scores, state)
    assert len(expected) > 3
    assert state['objects'] == len(expected)
    found = browser.evaluate("""(async () => { const picture = await decoded(3);
        return findObjects(isUnknown(picture.codes, state.edge), picture.width, picture.height,
            data).map(({box, area}) => [...box, area]); })()""")
    # Equal areas have no order in common.
    assert sorted(found) == sorted(
        [item.x, item.y, item.width, item.height, item.area] for item in expected)
    for view in ('camera', 'overlay'):   # the last one lies over all others
        assert pixel(browser, view, *found[-1][:2]) == [255, 255, 255]

    # At an operating point: those of the whole picture, with the ids of the frames before.
    browser.evaluate("location.hash = '#frame=3&operating_point=middle'")
    state = settled(browser, frame=3, threshold=50)
    tracker = ObjectTracker()
    frames = list(BagView(seen, manifest.class_map).frames())
    for frame in frames[:4]:
        style = Style(50.0, 0.5, -128.0, 128.0)
        objects = tracker.update(
            frame.scene(manifest.class_map, style).objects, frame.stamp.nanoseconds / 1e9)
    assert state['objects'] == len(objects)
    across, down = scores[3].shape[1] / frames[3].score.shape[1], (
        scores[3].shape[0] / frames[3].score.shape[0])
    shown = browser.evaluate('data.frames[3].objects[state.edge]')
    assert [entry[0] for entry in shown] == [item.id for item in objects]
    assert [entry[1:5] for entry in shown] == [
        [round(item.x * across, 2), round(item.y * down, 2), round(item.width * across, 2),
         round(item.height * down, 2)] for item in objects]
    assert f'objects: {len(objects)}' == browser.evaluate(
        "document.getElementById('objects').textContent")


def pixel(browser, view, x, y):
    return list(browser.evaluate(
        f"[...document.querySelector('[data-view={view}] > canvas').getContext('2d')"
        f'.getImageData({x}, {y}, 1, 1).data.slice(0, 3)]'))


def test_boxes_can_be_hidden(open_browser, page):
    browser = open_browser(f'{page.as_uri()}#frame=3&threshold=-40')
    settled(browser, frame=3)
    last = browser.evaluate("""(async () => { const picture = await decoded(3);
        return findObjects(isUnknown(picture.codes, state.edge), picture.width, picture.height,
            data).pop().box.slice(0, 2); })()""")
    assert pixel(browser, 'camera', *last) == [255, 255, 255]
    browser.press('o', 79)
    browser.wait_for("document.getElementById('objects').ariaPressed === 'false'")
    assert pixel(browser, 'camera', *last) != [255, 255, 255]
    browser.click('#objects')
    browser.wait_for("document.getElementById('objects').ariaPressed === 'true'")
    assert pixel(browser, 'camera', *last) == [255, 255, 255]
    assert browser.errors() == []


def test_nothing_is_fetched(open_browser, page):
    browser = open_browser(page.as_uri())
    settled(browser)
    addresses = {address.split('#')[0] for address in browser.requests()}
    assert {address for address in addresses if not address.startswith('data:')} == {page.as_uri()}
    assert browser.errors() == []


def test_chromium_is_looked_for():
    assert find_chromium() is None or find_chromium().startswith('/')
