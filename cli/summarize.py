"""`slip summarize`: the summary of a log that is already there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from slipstream.cli.fast import Options, parse
from slipstream.cli.run import check_profile, finish, limit, settings
from slipstream.storage.errors import NotFoundError, SlipError

OPTIONS: Options = {
    "--command": str,
    "--exit-code": int,
    "--type": str,
    "--max-bytes": int,
    "--profile": str,
    "--json": bool,
}


def fast(argv: Sequence[str]) -> int | None:
    """Summarize from a plain command line; None where Typer has to look at it."""
    parsed = parse(argv, OPTIONS)
    if parsed is None or len(parsed[1]) != 1:
        return None
    values, operands = parsed
    return summarize(operands[0], **values)


def summarize(
    file: str,
    *,
    command: str = "",
    exit_code: int | None = None,
    type: str | None = None,
    max_bytes: int | None = None,
    profile: str | None = None,
    json: bool = False,
) -> int:
    """Print the summary of a file, or of standard input for "-".

    Args:
        file: The log.
        command: The command line that printed it.
        exit_code: The exit status it ended with.
        type: A type or tool to take it for; default: told by the content.
        max_bytes: Bytes of the summary at the most; default: what the profile says.
        profile: One of `PROFILES`.
        json: Print the summary as JSON.

    Returns:
        0, whatever the log says.

    Raises:
        NotFoundError: There is no such file.
        UsageError: An option is wrong.
        SlipError: The file cannot be read.
    """
    from slipstream.tasks.summarization.model import Outcome
    from slipstream.tasks.summarization.produce import Request, command_words, summarise_chunks

    check_profile(profile)
    config, home, problems = settings(type)
    max_bytes, problem = limit(max_bytes)
    request = Request(command_words(command), "", type or "", profile or "summary", max_bytes)
    with opened(file) as chunks:
        produced = summarise_chunks(chunks, home, config, request, Outcome(exit_code))
    finish(produced, json, home, config, (*problems, *problem))
    return 0


@contextmanager
def opened(file: str) -> Iterator[Iterable[bytes]]:
    """The bytes of a file, or of standard input for "-".

    Raises:
        NotFoundError: There is no such file.
        SlipError: It is a folder, or cannot be read.
    """
    from slipstream.tasks.summarization.produce import read_file

    try:
        yield read_file(file)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {file!r}.") from error
    except IsADirectoryError as error:
        raise SlipError(
            f"{file!r} is a folder; name a file, or use `slip summarize --flow {file}` for all "
            "logs below it."
        ) from error
    except OSError as error:
        raise SlipError(f"{file!r} cannot be read: {error.strerror or error}.") from error
