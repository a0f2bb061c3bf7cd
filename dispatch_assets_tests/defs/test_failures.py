"""What is retried, and what is not: on a real instance."""

import errno

import dagster as dg
import pytest

from dispatch_assets.defs import failures
from dispatch_assets.defs.failures import MAX_RETRIES, as_failure
from dispatch_assets.errors import StoreError, StreamError


def raised_by(code: int) -> StoreError:
    """Return an error of ours with a system call at its bottom, as the store raises it."""
    try:
        try:
            raise OSError(code, "as the system says")
        except OSError as e:
            raise StoreError("cannot be written", "/store/x.json") from e
    except StoreError as e:
        return e


def run(error: Exception, fails: int) -> tuple[dg.ExecuteInProcessResult, int]:
    """Run an asset that fails so many times, and return how often it was tried."""
    tries = 0

    @dg.asset
    def tried(context: dg.AssetExecutionContext) -> None:
        nonlocal tries
        tries += 1
        with as_failure(context):
            if tries <= fails:
                raise error

    with dg.instance_for_test() as instance:
        return dg.materialize([tried], instance=instance, raise_on_error=False), tries


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "FIRST_WAIT_S", 0)


def test_share_that_stumbles_is_tried_again() -> None:
    result, tries = run(raised_by(errno.ESTALE), fails=2)
    assert result.success
    assert tries == 3


def test_share_that_is_down_fails_with_the_sentence() -> None:
    result, tries = run(raised_by(errno.ETIMEDOUT), fails=99)
    assert not result.success
    assert tries == 1 + MAX_RETRIES
    data = result.failure_data_for_node("tried")
    assert data is not None
    assert data.user_failure_data is not None
    assert data.user_failure_data.description == "/store/x.json: cannot be written."


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOENT])
def test_what_waiting_does_not_cure_is_not_tried_again(code: int) -> None:
    result, tries = run(raised_by(code), fails=99)
    assert not result.success
    assert tries == 1


def test_damaged_file_is_not_tried_again() -> None:
    assert run(StreamError("is truncated", "x.bin"), fails=99)[1] == 1
