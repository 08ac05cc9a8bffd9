"""What is cached, and what each value depends on: every input that is in its key, and why.

An input that is not listed here, or is missing, makes no key. A test reads the code for operations
and for parameters of what computes a value that are not said to be in the key or out of it.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Operation(NamedTuple):
    """What the value of an operation depends on.

    Attributes:
        inputs: Name of each input → why it is in the key.
        irrelevant: Name of each input that is not → why another value of it gives the same result.
        of_commit: Whether the key has a commit part.
    """

    inputs: Mapping[str, str]
    irrelevant: Mapping[str, str] = {}
    of_commit: bool = False


_PRODUCER = "Another version of what computes it may compute something else."

OPERATIONS: dict[str, Operation] = {
    "parse": Operation(
        {
            "content": "Symbols, chunks and words are those of the bytes.",
            "language": "The same bytes read as another language are something else.",
            "max_bytes": "A larger content is not read.",
            "producer": _PRODUCER,
        },
        {
            "path": "It decides the language, and nothing else.",
            "token": "It only tells the caller which of its items a result is of.",
            "data": "The content's name stands for the bytes.",
            "syntax": "Left out for a content that its grammar breaks on, each time.",
            "workers": "How many processes parse changes when it is done, not what comes out.",
        },
    ),
    "manifest": Operation(
        {"producer": _PRODUCER},
        {
            "repository": "A commit's object name fixes its whole tree, in every clone.",
            "folder": "As with the repository.",
        },
        of_commit=True,
    ),
    "segment": Operation(
        {
            "files": "A segment is built from which contents stand at which paths.",
            "producer": _PRODUCER,
        },
        {
            "artefact": "It looks up what the contents and the producer's version determine.",
            "commit": "Two commits with the same files have the same segment.",
        },
    ),
    "reference": Operation(
        {
            "repository": "The segments that are nearest to its next state are its own.",
            "producer": "Segments of another version cannot be read.",
        },
        {
            "worktree": "All worktrees share segments; it is in the value, with the branch.",
            "branch": "As with the worktree.",
            "commit": "It is in the value: the last that was indexed there.",
        },
    ),
    "search": Operation(
        {
            "repository": "Paths in the answer are those of one repository.",
            "query": "Another question has another answer.",
            "mode": "Each way of searching ranks in its own way.",
            "path_glob": "It decides which files are searched.",
            "language": "It decides which files are searched.",
            "kind": "It decides which symbols are found.",
            "limit": "It decides how many hits are kept.",
            "context": "It decides which lines stand around each hit.",
            "untracked": "It decides whether untracked files are searched.",
            "producer": "Another version of parsing or ranking finds other lines.",
        },
        {
            "view": "It is an index of the files that the commit part names.",
            "read": "It reads the contents that the commit part names.",
            "root": "It is where the same contents are read quicker.",
            "vectors": "They are those of the chunks, by the model that `producer` names.",
        },
        of_commit=True,
    ),
    "embedding": Operation(
        {
            "text": "The vector is that of the text: the same chunk anywhere has the same one.",
            "model": "Each model has its own space.",
            "dimensions": "Some models give shorter vectors when asked to.",
            "producer": _PRODUCER,
        },
        {
            "base_url": "A model is known by its name, wherever it is served.",
            "batch": "Texts that are sent together do not change each other's vectors.",
        },
    ),
    "embedding-size": Operation(
        {"model": "Each model has vectors of its own length."},
        {"base_url": "A model is known by its name, wherever it is served."},
    ),
    "vectors": Operation(
        {
            "segment": "A row stands for a chunk of the segment.",
            "model": "Each model has its own space.",
            "dimensions": "It is the length of a row.",
            "producer": _PRODUCER,
        },
        {"limit": "How many rows are compared decides whether they are, not what they are."},
    ),
    "task-index-files": Operation(
        {
            "batch": "What is computed are the artefacts of these contents, by these producers.",
            "policy": "Another version of the task's result means something else.",
        },
        {
            "origin": "The same contents have the same artefacts wherever they are read.",
            "workers": "How many processes parse changes when it is done, not what comes out.",
        },
    ),
    "task-embed-files": Operation(
        {
            "batch": "What is computed are the vectors of the chunks of these contents.",
            "model": "Each model has its own space.",
            "dimensions": "Some models give shorter vectors when asked to.",
            "policy": "Another version of the task's result means something else.",
        },
        {
            "origin": "The same chunks have the same vectors wherever they are read.",
            "at_once": "Texts that are sent together do not change each other's vectors.",
        },
    ),
}
