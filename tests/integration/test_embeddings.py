"""Vectors of a real repository, from a real server: made once, searched exactly, never needed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import scratch_git as scratch

from slipstream.storage.cache import CacheStore, open_cache
from slipstream.storage.config.load import load
from slipstream.storage.errors import UsageError
from slipstream.tasks.indexing import batches, embed, embed_server, query, vectors, warm
from slipstream.tasks.indexing.batches import Origin
from slipstream.tasks.indexing.snapshot import open_source
from tests.embedding_server import Failure, Server, embedding_server

TOPICS = {
    "network": "open socket connect server listen packet",
    "kitchen": "flour butter sugar oven bread knead",
    "garden": "flower water plant seed tulip soil",
    "music": "melody chord rhythm tempo violin choir",
}


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that the settings name."""
    monkeypatch.setattr(embed_server, "FIRST_WAIT", 0.001)
    with embedding_server() as server:
        monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_BASE_URL", server.url)
        monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_MODEL", "tiny")
        monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_BATCH", "8")
        yield server


@pytest.fixture
def store(home: Path) -> Iterator[CacheStore]:
    """The cache of the test's home."""
    with open_cache(home) as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a file for each topic."""
    made = scratch.init(tmp_path / "work")
    files = {f"{topic}_py": source(topic, words) for topic, words in TOPICS.items()}
    scratch.commit(made, **files)
    return made


def source(topic: str, words: str) -> str:
    """A module with two functions whose comments are about the topic."""
    backwards = " ".join(reversed(words.split()))
    return "".join(
        f"def {topic}_{number}(x):\n    # {text}\n    y = x + {number}\n    return y\n\n\n"
        for number, text in enumerate((words, backwards), 1)
    )


def embedded(folder: Path, store: CacheStore) -> int:
    """Index and embed as the flow does; how many texts were sent for it."""
    origin = Origin(str(folder))
    planned = batches.plan(origin, store, 512)
    for batch in planned:
        batches.index(batch, origin, store)
    size = batches.measure(store)
    lacking = batches.unembedded(planned, store, batches.checked_model(), size)
    for batch in lacking:
        batches.embed_batch(batch, origin, store, size, 8)
    return sum(batch.missing for batch in lacking)


def nearest(folder: Path, store: CacheStore, text: str, limit: int = 5) -> list[tuple[str, int]]:
    """The nearest chunks, or the error that says why there are none."""
    opened = open_source(str(folder))
    view = warm.ensure(opened, store).view
    return vectors.search(view, text, limit, opened, store, load().config)


def test_only_chunks_that_were_never_seen_are_sent(
    server: Server, folder: Path, store: CacheStore
) -> None:
    """Not those of another commit, of a copy, of a branch that was left, nor after a kill."""
    first = embedded(folder, store)
    assert first >= len(TOPICS)
    sent = len(server.texts)
    assert embedded(folder, store) == 0
    scratch.commit(folder, copy_py=source("music", TOPICS["music"]))
    assert embedded(folder, store) == 0
    (folder / "music.py").write_text(source("music", TOPICS["music"]).replace("chord", "organ"))
    assert 1 <= embedded(folder, store) <= 2
    scratch.git(folder, "checkout", "-q", "--", ".")
    assert embedded(folder, store) == 0
    probes = 4  # each look at the model itself
    assert len(server.texts) <= sent + 2 + probes
    assert max(len(body["input"]) for _, body in server.requests) <= 8


def test_a_search_finds_by_meaning_what_shares_no_name(
    server: Server, folder: Path, store: CacheStore
) -> None:
    """The same hits again without the server, since the query is kept too."""
    embedded(folder, store)
    found = nearest(folder, store, "soils for tulips, watered flowers", 1)
    assert [path for path, _ in found] == ["garden.py"]
    question = query.Question("soils tulips watered", mode="hybrid", limit=3)
    answer = query.ask(open_source(str(folder)), question, store)
    assert answer.problems == ()
    assert "vector" in answer.hits[0].why
    assert answer.hits[0].path == "garden.py"
    count = len(server.requests)
    server.failures = [Failure(503)] * 99
    assert nearest(folder, store, "soils for tulips, watered flowers", 1) == found
    assert len(server.requests) == count


def test_without_the_server_the_search_goes_by_words_and_says_so_once(
    server: Server, folder: Path, store: CacheStore
) -> None:
    """And such an answer is not kept: the next one is whole."""
    question = query.Question("flower water", mode="hybrid", limit=3)

    def ask() -> query.Answer:
        return query.ask(open_source(str(folder)), question, store)

    [problem] = ask().problems
    assert "No chunk has a vector by tiny yet; run `slip cache warm --embed`" in problem
    embedded(folder, store)
    server.failures = [Failure(503)] * vectors.TRIES
    answer = ask()
    assert [hit.path for hit in answer.hits][:1] == ["garden.py"]
    [problem] = answer.problems
    assert problem.startswith(f"The embedding server at 127.0.0.1:{server.server_port} is busy")
    assert problem.endswith("This search goes by names and words alone.")
    assert ask().problems == ()
    assert ask().cached


def test_edited_files_are_embedded_on_the_way(
    server: Server, folder: Path, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to a number; more are left to the warming."""
    embedded(folder, store)
    scratch.write(folder, new_py=source("space", "rocket planet orbit comet lunar stars"))
    scratch.git(folder, "add", "new.py")
    assert nearest(folder, store, "planets and comets", 1)[0][0] == "new.py"
    (folder / "kitchen.py").unlink()
    assert "kitchen.py" not in {path for path, _ in nearest(folder, store, "bread flour", 99)}
    monkeypatch.setattr(vectors, "ON_THE_WAY", 0)
    scratch.write(folder, other_py=source("sea", "ocean wave whale coral tide ship"))
    scratch.git(folder, "add", "other.py")
    with pytest.raises(Exception, match=r"chunks have no vector by tiny yet; run `slip cache warm"):
        nearest(folder, store, "whale", 1)


def test_more_chunks_than_can_be_compared_are_said(
    server: Server, folder: Path, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search goes by text then."""
    embedded(folder, store)
    monkeypatch.setattr(vectors, "MOST", 3)
    with pytest.raises(Exception, match="More than 3 chunks"):
        nearest(folder, store, "whale", 1)


def test_another_model_behind_the_name_is_noticed(
    server: Server, folder: Path, store: CacheStore
) -> None:
    """Vectors of two lengths are never compared; warming makes new ones."""
    embedded(folder, store)
    server.size = 16
    with pytest.raises(Exception, match=r"of 16 numbers, and those of the index have 32; run"):
        nearest(folder, store, "whale", 1)
    assert embedded(folder, store) > 0
    assert nearest(folder, store, "soils for tulips, watered flowers", 1)[0][0] == "garden.py"
    server.size = 8
    scratch.write(folder, new_py=source("space", "rocket planet"))
    scratch.git(folder, "add", "new.py")
    with pytest.raises(Exception, match="8 numbers after ones of 16; is more than one model"):
        nearest(folder, store, "soils for tulips, watered flowers", 1)


@pytest.mark.parametrize("kept_from", [1, 1000])
def test_what_is_near_does_not_depend_on_what_was_indexed_before(
    server: Server,
    folder: Path,
    store: CacheStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept_from: int,
) -> None:
    """After each of some commits and edits it is what an empty cache would say."""
    monkeypatch.setattr(vectors, "KEPT_FROM", kept_from)
    draw = random.Random(7)
    words = " ".join(TOPICS.values()).split()
    for step in range(6):
        for _ in range(3):
            topic = draw.choice("abcdefgh")
            some = " ".join(draw.choices(words, k=8))
            scratch.write(folder, **{f"{topic}_py": source(topic, some)})
        scratch.git(folder, "add", "-A")
        if step % 2:
            scratch.commit(folder)
        embedded(folder, store)
        text = " ".join(draw.choices(words, k=3))
        with open_cache(tmp_path / f"empty-{step}") as empty:
            embedded(folder, empty)
            assert nearest(folder, store, text, 7) == nearest(folder, empty, text, 7)


def test_a_table_that_is_damaged_or_gone_is_put_together_again(
    server: Server, folder: Path, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the vectors, without the server."""
    monkeypatch.setattr(vectors, "KEPT_FROM", 1)
    embedded(folder, store)
    found = nearest(folder, store, "melody and rhythm", 3)
    [name] = store.keys(prefix="v1::vectors::")
    count = len(server.requests)
    for wrong in (b"", b"x" * 999):
        store.set(name, wrong)
        assert nearest(folder, store, "melody and rhythm", 3) == found
    store.delete(name)
    assert nearest(folder, store, "melody and rhythm", 3) == found
    assert len(server.requests) == count


def test_a_cache_that_keeps_nothing_is_said(
    server: Server, folder: Path, tmp_path: Path, store: CacheStore
) -> None:
    """There is no answer, rather than a wrong one."""
    embedded(folder, store)
    name = next(iter(store.keys(prefix="v1::embedding-size::")))
    size = store.get(name) or b""
    blocked = tmp_path / "blocked"
    blocked.write_text("")

    class Forgetful(CacheStore):
        """Knows the size of vectors, and none of them."""

        def get(self, key: str, default: bytes | None = None) -> bytes | None:
            return size if key == name else default

    with pytest.raises(Exception, match="does not keep the vectors"):
        nearest(folder, Forgetful(blocked, load().config.cache), "whale", 1)


def test_no_model_is_said_and_none_is_looked_for(
    home: Path, folder: Path, store: CacheStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model without an address is none; nor is an address that the mode forbids."""
    monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_MODEL", "tiny")
    assert embed.open_embedder(load().config) is None
    opened = open_source(str(folder))
    view = warm.ensure(opened, store).view
    assert vectors.searcher(view, opened, store, load().config) is None
    with pytest.raises(UsageError, match="No embedding model is configured"):
        batches.checked_model()
    monkeypatch.setenv("SLIPSTREAM_EMBEDDINGS_BASE_URL", "http://93.184.216.34/v1")
    with pytest.raises(UsageError, match="mode local-only allows"):
        batches.checked_model()


def test_a_content_that_cannot_be_read_is_counted(
    server: Server, folder: Path, store: CacheStore
) -> None:
    """The others have their vectors."""
    origin = Origin(str(folder), "main")
    [batch] = batches.plan(origin, store, 512)
    batches.index(batch, origin, store)
    size = batches.measure(store)
    lost = scratch.blob(folder, "music.py")
    (folder / "music.py").unlink()
    (folder / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    store.set(batch.wanted[0].key, b"no artefact")
    report = batches.embed_batch(batch, origin, store, size, 8)
    assert report["missing"] == 1
    assert report["chunks"] > 1
