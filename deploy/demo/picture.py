"""The picture of a run as SVG: what was asked, what was foreseen, what the shards could carry, and the moment of the split."""

import html

WIDTH, HEIGHT = 1200, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 60, 60


class Axes:
    def __init__(self, begin, end, highest):
        self.begin, self.end, self.highest = begin, end, highest * 1.08

    def x(self, time):
        return LEFT + (time - self.begin) / (self.end - self.begin) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.highest * (HEIGHT - TOP - BOTTOM)


def line(axes, points, colour, width=2, dash=""):
    path = " ".join("%.1f,%.1f" % (axes.x(t), axes.y(v)) for t, v in points if axes.begin <= t <= axes.end)
    style = ' stroke-dasharray="%s"' % dash if dash else ""
    return '<polyline fill="none" stroke="%s" stroke-width="%s"%s points="%s"/>' % (colour, width, style, path)


def band(axes, low, high, colour):
    there = [(t, v) for t, v in low if axes.begin <= t <= axes.end]
    back = [(t, v) for t, v in high if axes.begin <= t <= axes.end]
    if not there or not back:
        return ""
    path = " ".join("%.1f,%.1f" % (axes.x(t), axes.y(v)) for t, v in there + back[::-1])
    return '<polygon fill="%s" fill-opacity="0.25" points="%s"/>' % (colour, path)


def text(x, y, words, size=13, colour="#333", anchor="start"):
    return '<text x="%.1f" y="%.1f" font-family="sans-serif" font-size="%d" fill="%s" text-anchor="%s">%s</text>' % (
        x, y, size, colour, anchor, html.escape(words))


def grid(axes):
    parts = []
    step = 10 ** len(str(int(axes.highest))) / 10
    while axes.highest / step < 4:
        step /= 2
    value = 0
    while value < axes.highest:
        parts.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>' % (LEFT, axes.y(value), WIDTH - RIGHT, axes.y(value)))
        parts.append(text(LEFT - 8, axes.y(value) + 4, "%d" % value, 12, "#666", "end"))
        value += step
    second = 0
    while axes.begin + second <= axes.end:
        x = axes.x(axes.begin + second)
        anchor = "middle" if x < WIDTH - RIGHT - 20 else "end"
        parts.append(text(x, HEIGHT - BOTTOM + 20, "%d:%02d" % (second // 60, second % 60), 12, "#666", anchor))
        second += 60
    return parts


def mark(axes, time, words, colour, row):
    if not axes.begin <= time <= axes.end:
        return []
    x = axes.x(time)
    return ['<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-dasharray="4 3"/>' % (x, TOP - 10, x, HEIGHT - BOTTOM, colour),
            text(x + 4, TOP + 4 + 16 * row, words, 13, colour)]


def draw(run):
    """`run`: begin, end, title, load, fan (low, median, high), capacity [(time, value)], marks [(time, words, colour)]."""
    highest = max([v for _, v in run["load"] + run["capacity"] + run["fan"][2]] + [1])
    axes = Axes(run["begin"], run["end"], highest)
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">' % (WIDTH, HEIGHT, WIDTH, HEIGHT),
             '<rect width="100%" height="100%" fill="white"/>', text(LEFT, 24, run["title"], 16, "#111"),
             text(WIDTH - RIGHT, 24, "statements a second over minutes", 12, "#666", "end")]
    parts += grid(axes)
    parts.append(band(axes, run["fan"][0], run["fan"][2], "#3b82c4"))
    parts.append(line(axes, run["fan"][1], "#3b82c4", 1.5, "5 3"))
    parts.append(line(axes, run["capacity"], "#c0392b", 2))
    parts.append(line(axes, run["load"], "#222", 2))
    for row, (time, words, colour) in enumerate(run["marks"]):
        parts += mark(axes, time, words, colour, row)
    legend = [("#222", "load of the range that was split"), ("#3b82c4", "forecast one minute before: median and up to 95 %"),
              ("#c0392b", "what its shards carry at the limit")]
    x = LEFT
    for colour, words in legend:
        parts.append('<rect x="%d" y="%d" width="14" height="4" fill="%s"/>' % (x, HEIGHT - 22, colour))
        parts.append(text(x + 20, HEIGHT - 16, words, 13))
        x += 40 + 8 * len(words)
    parts.append("</svg>")
    return "\n".join(parts)
