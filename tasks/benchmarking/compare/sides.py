"""From a name to the runs that are compared: one run, or several that were repeated."""

from slipstream.storage import bench, bench_names
from slipstream.storage.bench_baselines import Key
from slipstream.storage.connection import Connection
from slipstream.tasks.benchmarking import environment
from slipstream.tasks.benchmarking.compare.model import Side


def side(connection: Connection, name: str, like: Side | None = None) -> Side:
    """The runs that a name means, as `bench_names.together` has it.

    Args:
        connection: To the results.
        name: An id, `latest`, `latest~N`, a tag, a date, `series:ID`, `baseline`.
        like: What it will be compared with: of several baselines that of the same suite, model
            and machine is meant.

    Raises:
        NotFoundError: There is no such run.
        AmbiguousError: The beginning of an id fits several.
        UsageError: The name means nothing.
    """
    key = Key(like.suite, like.model, like.machine) if like else None
    runs = bench_names.together(connection, name, key)
    first = next((run for run in runs if run.state != bench.DAMAGED), runs[0])
    return Side(
        name=name,
        runs=tuple(run.id for run in runs),
        suite=first.suite,
        model=first.model,
        server=first.base_url,
        machine=environment.fingerprint(first.environment),
        started_ns=first.started_ns,
    )
