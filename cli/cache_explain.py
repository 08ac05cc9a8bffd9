"""`slip cache explain`: what a key is made of, and why it is a hit or a miss."""

from __future__ import annotations

import os

from slipstream.cli import output
from slipstream.cli.cache_commands import resolve
from slipstream.cli.cache_open import opened
from slipstream.storage.errors import NotFoundError
from slipstream.tasks.indexing import explain

JSON_VERSION = 1


def show(subject: str, json: bool) -> int:
    """Explain a file that exists, else a key, or the beginning of a key.

    Raises:
        NotFoundError: It is neither.
        UsageError: It looks like a key and is none.
    """
    with opened(recorded=False) as store:
        if "::" not in subject:
            if not os.path.lexists(subject):
                raise NotFoundError(f"There is no file {subject}, and it is not a key, either.")
            found = explain.of_path(subject, store)
        else:
            try:
                found = explain.of_key(resolve(store, subject), store)
            except NotFoundError:
                found = explain.of_key(subject, store)  # which may say why there is none
    if json:
        output.print_json(
            {
                "version": JSON_VERSION,
                **found._asdict(),
                "inputs": [each._asdict() for each in found.inputs],
                "irrelevant": [each._asdict() for each in found.irrelevant],
            }
        )
        return 0
    print(f"key     {found.key}")
    print(f"{'hit ' if found.hit else 'miss'}    {found.reason}")
    print("made of")
    width = max((len(each.name) for each in (*found.inputs, *found.irrelevant)), default=0)
    for each in found.inputs:
        value = output.printable(each.value or "(only in the digest)")
        print(f"  {each.name.ljust(width)}  {value}")
        print(f"  {' ' * width}  ↳ {each.why}")
    if found.irrelevant:
        print("and not of")
    for each in found.irrelevant:
        print(f"  {each.name.ljust(width)}  ↳ {each.why}")
    return 0
