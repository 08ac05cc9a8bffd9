"""The forms of a report by their names; what draws is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from slipstream.tasks.benchmarking.compare.model import Comparison, Trend
from slipstream.tasks.benchmarking.reports import csv, json, markdown, text
from slipstream.tasks.benchmarking.reports.text import WIDTH, Style, plain
from slipstream.tasks.benchmarking.reports.view import DEFAULT, Options

Form: TypeAlias = Literal["text", "json", "markdown", "html", "csv"]
FORMS: tuple[Form, ...] = get_args(Form)
INDENT = 2  # of JSON that is shown


def comparison(
    form: Form,
    found: Comparison,
    trends: Sequence[Trend] = (),
    options: Options = DEFAULT,
    style: Style = plain,
) -> str:
    """A comparison in a form.

    Args:
        form: Which one.
        found: The comparison.
        trends: Histories; HTML draws them.
        options: What is shown; JSON has all of it.
        style: Of the terminal, for text.
    """
    match form:
        case "text":
            return text.render(found, options, style)
        case "json":
            return json.render(found, INDENT)
        case "markdown":
            return markdown.render(found, options)
        case "csv":
            return csv.render(found, options)
        case "html":
            from slipstream.tasks.benchmarking.reports import html  # which takes a while

            return html.render(found, trends, options)


def trend(
    form: Form, found: Trend, style: Style = plain, width: int = WIDTH, ascii: bool = False
) -> str:
    """The history of a metric in a form; the other arguments are those of `text.render_trend`."""
    match form:
        case "text":
            return text.render_trend(found, style, width, ascii)
        case "json":
            return json.render(found, INDENT)
        case "markdown":
            return markdown.render_trend(found)
        case "csv":
            return csv.render_trend(found)
        case "html":
            from slipstream.tasks.benchmarking.reports import html

            return html.render_trend(found)
