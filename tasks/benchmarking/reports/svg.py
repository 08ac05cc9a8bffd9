"""Makes what matplotlib draws fit for a page: small, in the page's colours and fonts.

A page whose Content-Security-Policy is strict takes no `style` attribute: each becomes a class, and
the classes of all plots go into the page's one sheet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_NUMBER = re.compile(r"-?\d+\.\d+")
_NUMBERS = ("d", "x", "y", "width", "height", "transform")  # attributes, rounded to a tenth
_DROPPED = ("font-family", "stroke-linecap", "stroke-linejoin")  # the page's own
_UNTURNED = re.compile(r"rotate\(-?0 [^)]*\)")


class Sheet:
    """The classes of several plots.

    Attributes:
        colours: What a colour becomes.
    """

    def __init__(self, colours: Mapping[str, str]) -> None:
        self.colours = colours
        self._classes: dict[str, str] = {}

    def name(self, style: str) -> str:
        """The class of a `style` attribute; empty: nothing of it is wanted."""
        kept = []
        for declaration in style.split(";"):
            name, _, value = declaration.strip().partition(": ")
            if name and name not in _DROPPED:
                kept.append(f"{name}:{self.colours.get(value, value)}")
        if not kept:
            return ""
        return self._classes.setdefault(";".join(kept), f"v{len(self._classes)}")

    def css(self) -> str:
        """The rules of all classes."""
        return "".join(f".{name}{{{style}}}\n" for style, name in self._classes.items())


def fit(drawn: str, key: str, title: str, description: str, sheet: Sheet) -> str:
    """An SVG for the inside of a page.

    Args:
        drawn: What matplotlib wrote.
        key: Unique in the page.
        title: Its name for who does not see it.
        description: And what is to be seen.
        sheet: Takes its styles.
    """
    root = ElementTree.fromstring(drawn)  # our own: matplotlib escapes what is data
    _plain(root, sheet)
    found = Element(
        "svg",
        {
            "viewBox": root.attrib["viewBox"],
            "role": "img",
            "aria-labelledby": f"{key}-t {key}-d",
        },
    )
    for tag, text in (("title", title), ("desc", description)):
        child = Element(tag, {"id": f"{key}-{tag[0]}"})
        child.text = text
        found.append(child)
    found.extend(child for child in root if child.tag != "metadata")
    return ElementTree.tostring(found, encoding="unicode")


def _plain(element: Element, sheet: Sheet) -> None:
    """Take away names, spaces and groups that say nothing; round numbers; styles become classes."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if element.tag == "g":
        attributes.pop("id", None)
    if name := sheet.name(attributes.pop("style", "")):
        attributes["class"] = name
    if "transform" in attributes:
        attributes["transform"] = _UNTURNED.sub("", attributes["transform"])
    for key in _NUMBERS:
        if key in attributes:
            text = " ".join(attributes[key].split())
            attributes[key] = _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", text)
    element.attrib = {key: value for key, value in attributes.items() if value}
    element.tail = None
    if element.tag not in ("text", "tspan"):
        element.text = None
    children: list[Element] = []
    for child in element:
        _plain(child, sheet)
        if child.tag == "g" and not child.attrib:
            children += child
        elif child.tag != "style" and _shows(child):
            children.append(child)
    element[:] = children


def _shows(element: Element) -> bool:
    """Whether anything is lost without it."""
    return len(element) > 0 or element.tag not in ("g", "defs")
