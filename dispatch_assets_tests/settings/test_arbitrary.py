"""Settings of single sessions: whatever their file holds is taken or refused."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_assets.discovery import discover
from dispatch_assets.errors import SettingsError
from dispatch_assets.models import Inventory, dump_json
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import plan_session
from dispatch_assets.session_settings import SessionSettings, parse_settings

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
anything = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3)
)
NAMES = sorted({*SessionSettings.model_fields, *DispatchParams.model_fields, "typo"})
plausible = st.dictionaries(
    st.sampled_from(NAMES),
    anything
    | st.sampled_from(["spikeinterface", "a.rhd", "../x", "/", "~", "probe.json", 0.1, {"a": "b"}])
    | st.fixed_dictionaries(
        {
            "reader_type": st.sampled_from(["intan", "zarr", "spikeinterface", "x"]),
            "reader_kwargs": st.dictionaries(
                st.sampled_from(["file_path", "folder_path", "stream_name"]), anything, max_size=2
            ),
        }
    ),
    max_size=4,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(plausible.map(json.dumps), anything.map(json.dumps), st.binary(max_size=50)))
def test_no_file_whatsoever_raises(tmp_path: Path, text: str | bytes) -> None:
    folder = tmp_path / "s"
    folder.mkdir(exist_ok=True)
    (folder / "a.rhd").touch()
    file = folder / "dispatch.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    found = discover(folder.parent, DispatchParams())
    inventories_ = [plan_session(s, DispatchParams()).inventory for s in found.sessions]
    for inventory in inventories_:
        text = dump_json(inventory.model_dump(mode="json"))
        assert Inventory.model_validate_json(text).entries == inventory.entries
    entries = [*found.others, *(e for i in inventories_ for e in i.entries)]
    assert entries
    assert all(e.message and e.status != "job" for e in entries)


@settings(max_examples=200)
@given(anything)
def test_parsing_says_what_is_wrong_or_gives_settings(values: object) -> None:
    try:
        parsed = parse_settings(values, "x.json")
    except SettingsError as e:
        said = str(e)
        assert said.startswith("x.json: ")
    else:
        assert parse_settings(parsed.model_dump(mode="json", exclude_unset=True), "x") == parsed
