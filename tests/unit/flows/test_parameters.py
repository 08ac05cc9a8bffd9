"""Parameters as they are typed: what is understood, and what is said of what is not."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field, model_validator

from slipstream.flows import catalog, parameters
from slipstream.storage.errors import NotFoundError, UsageError


class Inner(BaseModel):
    """Parts of a parameter."""

    path: str = Field(".", description="A folder.")
    workers: int = Field(0, ge=0, le=64, description="Processes.")


class Model(BaseModel):
    """One parameter of each kind."""

    suite: str = Field("", description="A suite.")
    count: int | None = Field(None, ge=1, le=1000, description="How many.")
    rate: list[float] = Field([], description="Rates.")
    names: list[str] = Field([], description="Names.")
    share: float = Field(1, gt=0, description="A share.")
    level: Literal["light", "full"] = Field("light", description="How much.")
    dry: bool = Field(False, description="Do nothing.")
    keys_: list[str] | None = Field(
        None, description="Keys.", validation_alias=AliasChoices("keys_", "keys")
    )
    inner: Inner = Field(default_factory=lambda: Inner(path=".", workers=0))

    @model_validator(mode="after")
    def _not_both(self) -> Model:
        if self.count and self.rate:
            raise ValueError("give either count or rate")
        return self


class Needed(BaseModel):
    """One that is needed."""

    paths: list[str] = Field(min_length=1, description="Files.")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["suite=smoke", "parameters.count=3"], {"suite": "smoke", "count": 3}),
        (["suite=2024", 'names="2024"', "names=b c"], {"suite": "2024", "names": ["2024", "b c"]}),
        (["suite=", "count=null"], {"suite": "", "count": None}),
        (["rate=1", "rate=2.5"], {"rate": [1, 2.5]}),
        (["rate=[1, 2]"], {"rate": [1, 2]}),
        (["dry=true", "level=full"], {"dry": True, "level": "full"}),
        (["inner.path=a=b", "inner.workers=2"], {"inner": {"path": "a=b", "workers": 2}}),
        (["keys=a"], {"keys": ["a"]}),
        ([], {}),
    ],
)
def test_values_are_json_or_texts_as_the_parameter_takes_them(
    given: list[str], found: dict[str, Any]
) -> None:
    assert parameters.parse(Model, given) == found
    parameters.checked(Model, found)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("suite", "write key=value, as in -p suite=…"),
        ("=x", "write key=value"),
        ("suit=x", "no parameter suit; did you mean suite?"),
        ("qqq=x", "no parameter qqq; there are suite, count"),
        ("inner.pth=x", r"no parameter inner\.pth; did you mean path?"),
        ("inner=x", r"inner has parts; give inner\.path, inner\.workers"),
        ("suite.name=x", "suite has no parts"),
        ("count=many", 'count cannot be "many"; expected: integer, 1 to 1,000'),
        ("count=0", "count cannot be 0; expected: integer, 1 to 1,000"),
        ("share=0", "share cannot be 0; expected: number, above 0"),
        ("rate=x", 'rate cannot be "x"; expected: list of number'),
        ("level=medium", 'level cannot be "medium"; expected: light or full'),
        ("dry=perhaps", 'dry cannot be "perhaps"; expected: boolean'),
        ("inner.workers=65", r"inner\.workers cannot be 65; expected: integer, 0 to 64"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_right(given: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence.replace("?", r"\?")):
        parameters.checked(Model, parameters.parse(Model, [given]))


def test_what_is_missing_or_does_not_go_together_is_said() -> None:
    with pytest.raises(UsageError, match=r"paths is needed: Files\. Give it with -p paths=…"):
        parameters.checked(Needed, {})
    with pytest.raises(UsageError, match="do not go together: give either count or rate"):
        parameters.checked(Model, {"count": 1, "rate": [1]})


def test_a_model_is_described_with_the_parts_of_its_parts() -> None:
    rows = {each.name: each for each in parameters.described(Model)}
    assert rows["count"] == ("count", "integer, 1 to 1,000", "null", "How many.")
    assert rows["inner.workers"] == ("inner.workers", "integer, 0 to 64", "0", "Processes.")
    assert rows["names"].default == "[]"
    assert parameters.described(Needed)[0].default == "required"


@pytest.mark.parametrize("name", list(catalog.FLOWS))
def test_each_flow_of_the_catalog_is_there_with_its_parameters(name: str) -> None:
    flow = catalog.imported(name)
    assert flow.name == name
    rows = parameters.described(catalog.model_of(flow))
    assert rows
    assert all(row.says.endswith(".") for row in rows)


def test_a_flow_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="did you mean maintain"):
        catalog.named("mantain")
    with pytest.raises(NotFoundError, match="slip flow ls"):
        catalog.named("x")
