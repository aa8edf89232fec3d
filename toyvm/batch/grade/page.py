"""The lecturer's page: one HTML file that needs no network, with the distribution, the tests and every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from .grades import STATES, Grade, Grades, points_text
from .printable import shortened
from .student_report import student_report
from .tables import percent

_LONGEST_HEAD = 28  # characters of a test's name above its column
BINS = 10  # of the distribution, each a tenth of the points
_WIDTH, _HEIGHT, _BASE = 340, 190, 156  # the histogram's, in its own units; the axis is at _BASE

_STYLE = """
:root { color-scheme:light dark; --bg:#fff; --fg:#1b1f24; --soft:#59636e; --line:#d8dce2; --bar:#0072b2; --mid:#e69f00;
  --ok:#dcebf7; --half:#fdf1d6; --no:#f8dfd3; --none:#ececef }
@media (prefers-color-scheme: dark) { :root { --bg:#16181c; --fg:#e6e8eb; --soft:#9aa3ae; --line:#333941; --bar:#56b4e9;
  --mid:#e69f00; --ok:#12344d; --half:#4a3a0f; --no:#53271a; --none:#2a2d33 } }
* { box-sizing:border-box }
body { background:var(--bg); color:var(--fg); font:15px/1.5 system-ui,sans-serif; max-width:1100px; margin:1.5rem auto;
  padding:0 .8rem; overflow-wrap:anywhere }
h1 { font-size:1.4rem; margin:.2rem 0 } h2 { font-size:1.1rem; margin:1.8rem 0 .5rem } p { margin:.4rem 0 }
svg { display:block; width:100%; max-width:510px; height:auto } svg text { fill:var(--fg); font:11px system-ui,sans-serif }
svg .axis { stroke:var(--fg) } svg rect { fill:var(--bar) }
.wide { overflow-x:auto } table { border-collapse:separate; border-spacing:0; overflow-wrap:normal }
.narrow { display:none; color:var(--soft); font-size:.9rem } @media (max-width:40rem) { .narrow { display:block } }
td,th { padding:.2rem .5rem; border-bottom:1px solid var(--line); text-align:left; vertical-align:top; font-weight:400 }
thead th { color:var(--soft); font-size:.85rem; vertical-align:bottom } .n { text-align:right; font-variant-numeric:tabular-nums }
.key i { display:inline-block; width:.8rem; height:.8rem; margin:0 .35rem 0 .8rem; background:var(--bar) }
.key i+i { background:var(--mid) }
.m span { writing-mode:vertical-rl; max-height:11rem; overflow:hidden; overflow-wrap:anywhere; text-align:left }
.rate { min-width:4.5rem } .rate div { background:var(--none); height:.8rem; margin-top:.35rem; display:flex }
.rate i { background:var(--bar) } .rate i+i { background:var(--mid) }
.m { text-align:center; min-width:2rem } .passed { background:var(--ok) } .partly { background:var(--half) }
.failed,.signal,.limit,.timeout { background:var(--no) } .unbuilt,.error { background:var(--none) }
.key span { padding:.05rem .45rem; margin-right:.3rem } .key { color:var(--soft); font-size:.9rem }
tbody th { position:sticky; left:0; background:var(--bg); min-width:7.5rem; max-width:20rem }
tbody small { color:var(--soft) } .wide th,.wide td { overflow-wrap:break-word } a { color:inherit }
details { border-bottom:1px solid var(--line); padding:.25rem 0 } summary { cursor:pointer }
pre { background:color-mix(in srgb,var(--fg) 6%,var(--bg)); padding:.6rem; overflow-x:auto; font-size:13px; margin:.4rem 0 }
"""


def html_page(grades: Grades) -> str:
    """The page. The text of submissions is escaped, and the page's policy allows no scripts."""
    title = escape(grades.assignment.title)
    of = points_text(grades.assignment.points)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        f"<p>{_sums(grades)}</p>",
        "<h2>Distribution</h2>",
        histogram(grades),
        "<h2>Tests</h2>",
        *_tests(grades),
        f"<h2>Submissions</h2><p>Points of {of}. A name leads to the submission's report.</p>",
        '<p class="narrow">The table may be wider than the screen: scroll it sideways.</p>',
        *_key(grades),
        *_matrix(grades),
        "<h2>Reports</h2>",
        *(_report(grades, number, grade) for number, grade in enumerate(grades.grades)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _sums(grades: Grades) -> str:
    """Numbers of submissions and of tests, mean and median of the points."""
    points = sorted(grade.points for grade in grades.grades)
    count = len(points)
    median = (points[(count - 1) // 2] + points[count // 2]) / 2
    full = sum(grade.points == grade.of for grade in grades.grades)
    return (
        f"{count} submissions, {len(grades.tests)} tests, {points_text(grades.assignment.points)} points. "
        f"Mean {sum(points) / count:.2f}, median {points_text(median)}, lowest {points_text(points[0])}, "
        f"highest {points_text(points[-1])}; {full} with all points."
    )


def histogram(grades: Grades) -> str:
    """How many submissions have how much of the points, as an SVG element."""
    counts = Counter(min(int(percent(grade) * BINS / 100), BINS - 1) for grade in grades.grades)
    top = max(counts.values(), default=1)
    step = (_WIDTH - 20) / BINS
    out = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="submissions by part of the points">'
    ]
    for number in range(BINS):
        count = counts.get(number, 0)
        height = (_BASE - 36) * count / top
        x = 10 + number * step
        label = f"{number * 100 // BINS} to {(number + 1) * 100 // BINS} %: {count}"
        out.append(
            f'<rect x="{x + 2:.1f}" y="{_BASE - height:.1f}" width="{step - 4:.1f}" height="{height:.1f}">'
            f"<title>{label}</title></rect>"
        )
        if count:
            out.append(
                f'<text x="{x + step / 2:.1f}" y="{_BASE - height - 4:.1f}" text-anchor="middle">{count}</text>'
            )
    for tick in range(0, 101, 20):
        x = 10 + tick / 100 * (_WIDTH - 20)
        out.append(f'<text x="{x:.1f}" y="{_BASE + 15}" text-anchor="middle">{tick}</text>')
    out.append(f'<path class="axis" d="M10 {_BASE}H{_WIDTH - 10}"/>')
    out.append(f'<text x="{_WIDTH / 2}" y="{_BASE + 31}" text-anchor="middle">percent of the points</text>')
    out.append('<text x="10" y="11">number of submissions</text></svg>')
    return "\n".join(out)


def _tests(grades: Grades) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th>test</th><th class="n">points</th><th class="n">passed</th>'
    yield '<th class="n">%</th><th>passed, partly</th></tr></thead><tbody>'
    count = len(grades.grades)
    for number, name in enumerate(grades.tests, 1):
        results = [grade.results[number - 1] for grade in grades.grades]
        passed = sum(result.state == "passed" for result in results)
        partly = sum(result.state == "partly" for result in results)
        # Of equally common reasons, the first in the order of the alphabet. What was not built says nothing on a test.
        failed = [result for result in results if result.state not in ("passed", "unbuilt")]
        reasons = Counter(sorted(result.reason for result in failed)).most_common(1)
        reason = f"<br><small>{reasons[0][1]}× {escape(reasons[0][0])}</small>" if reasons else ""
        widths = "".join(f'<i style="width:{100 * n / count:.1f}%"></i>' for n in (passed, partly))
        yield (
            f'<tr><th>{number}. {escape(name)}{reason}</th><td class="n">{points_text(results[0].of)}</td><td class="n">{passed}</td>'
            f'<td class="n">{100 * passed / count:.0f}</td><td class="rate"><div>{widths}</div></td></tr>'
        )
    yield "</tbody></table></div>"
    yield '<p class="key">The bars: <i></i>submissions that passed<i></i>that have a part of the points.'
    yield "Below a name: the most common reason of programs that were built.</p>"


def _key(grades: Grades) -> Iterator[str]:
    used = {result.state for grade in grades.grades for result in grade.results}
    words = (
        f'<span class="{state}">{mark}</span>{text} '
        for state, (mark, text) in STATES.items()
        if state in used
    )
    yield f'<p class="key">{"".join(words)}</p>'


def _matrix(grades: Grades) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th>submission</th><th class="n">points</th><th class="n">%</th>'
    for number, name in enumerate(grades.tests, 1):
        short = escape(shortened(name, _LONGEST_HEAD))
        yield f'<th class="m" title="{escape(name)}"><span>{number}. {short}</span></th>'
    yield "</tr></thead><tbody>"
    for number, grade in enumerate(grades.grades):
        cells = "".join(
            f'<td class="m {result.state}" title="{escape(f"{result.test}: {result.reason or result.state}")}">'
            f"{STATES[result.state][0]}</td>"
            for result in grade.results
        )
        yield (
            f'<tr><th><a href="#r{number}">{escape(grade.submission)}</a></th>'
            f'<td class="n">{points_text(grade.points)}</td><td class="n">{percent(grade):.0f}</td>{cells}</tr>'
        )
    yield "</tbody></table></div>"


def _report(grades: Grades, number: int, grade: Grade) -> str:
    return (
        f"<details><summary>{escape(grade.submission)}: {points_text(grade.points)} of {points_text(grade.of)}</summary>"
        f"<p>The student's report: reports/{escape(grade.file)}.txt</p>"
        f'<pre id="r{number}">{escape(student_report(grades, grade, show_hidden=True))}</pre></details>'
    )
