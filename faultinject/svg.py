# SPDX-License-Identifier: MIT
"""Drawing: as much SVG as the pictures here need."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

FONT = "Helvetica, Arial, sans-serif"
#: On a dark page light and dark change places, and hues stay what they are.
DARK = "@media (prefers-color-scheme: dark) {svg {filter: invert(0.9) hue-rotate(180deg)}}"


class Drawing:
    """A picture in the making; coordinates are pixels from the upper left."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []
        self.rectangle(0, 0, width, height, "#ffffff")

    @staticmethod
    def _number(value: float) -> str:
        return f"{value:.2f}".rstrip("0").rstrip(".")

    def _add(self, tag: str, body: str = "", **attributes: float | str) -> None:
        words = []
        for name, value in attributes.items():
            text = value if isinstance(value, str) else self._number(value)
            words.append(f"{name.rstrip('_').replace('_', '-')}={quoteattr(text)}")
        self._parts.append(f"<{tag} {' '.join(words)}" + (f">{body}</{tag}>" if body else "/>"))

    def rectangle(self, x: float, y: float, width: float, height: float, fill: str, opacity: float = 1) -> None:
        """A filled one."""
        self._add("rect", x=x, y=y, width=max(width, 0), height=height, fill=fill, fill_opacity=opacity)

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1,
             dashes: str = "") -> None:
        """A straight one."""
        extra = {"stroke_dasharray": dashes} if dashes else {}
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke, stroke_width=width, **extra)

    def arrow(self, x1: float, x2: float, y: float, stroke: str, width: float = 1.6) -> None:
        """A level one, its head at x2."""
        back = -7 if x2 > x1 else 7
        self.line(x1, y, x2 + back / 2, y, stroke, width)
        self._add("path", d=f"M{self._number(x2)} {self._number(y)}l{back} -4.5v9z", fill=stroke)

    def cross(self, x: float, y: float, radius: float, stroke: str, width: float = 2.4) -> None:
        """Where something ends."""
        self.line(x - radius, y - radius, x + radius, y + radius, stroke, width)
        self.line(x - radius, y + radius, x + radius, y - radius, stroke, width)

    def dot(self, x: float, y: float, radius: float, fill: str, opacity: float = 1, title: str = "") -> None:
        """A small circle; the title shows when it is pointed at."""
        body = f"<title>{escape(title)}</title>" if title else ""
        self._add("circle", body, cx=x, cy=y, r=radius, fill=fill, fill_opacity=opacity)

    def text(self, x: float, y: float, words: str, size: float = 12, fill: str = "#222222", anchor: str = "start",
             weight: str = "normal") -> None:
        """One line; y is its base line."""
        self._add("text", escape(words), x=x, y=y, font_size=size, fill=fill, text_anchor=anchor,
                  font_family=FONT, font_weight=weight)

    def scale(self, left: float, top: float, width: float, parts: Sequence[tuple[str, str, float]]) -> None:
        """Parts of a whole as one bar, to scale, and below it each one's colour and words. A part: words, colour, length."""
        total = sum(length for _, _, length in parts)
        x = label = left
        for words, colour, length in parts:
            self.rectangle(x, top, width * length / total, 18, colour)
            x += width * length / total
            self.rectangle(label, top + 30, 10, 10, colour)
            self.text(label + 14, top + 39, words, 11)
            label += 26 + 5.8 * len(words)

    def __str__(self) -> str:
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                f'viewBox="0 0 {self.width} {self.height}">\n<style>{DARK}</style>\n' + "\n".join(self._parts) + "\n</svg>\n")
