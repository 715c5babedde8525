"""A Dask cluster that does not answer, is not there, or is lost."""

import time

import pytest

from napari_microdiffusion import dask_cluster
from napari_microdiffusion.dask_cluster import connected, settled
from napari_microdiffusion.errors import UserError
from napari_microdiffusion.reconstruction.events import CancelToken


def test_nothing_answers_at_the_address():
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with (
        pytest.raises(UserError, match="No Dask scheduler answers at nowhere://"),
        connected("nowhere://x", 1),
    ):
        pass


def test_without_dask_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(dask_cluster, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"napari-microdiffusion\[cluster\]"), connected(None, 2):
        pass
    with connected(None, 1) as client:
        assert client is None


def test_a_lost_scheduler_is_told():
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as local, distributed.Client(local) as made:
        futures = [made.submit(time.sleep, 5, pure=False) for _ in range(2)]
        made.cancel(futures)
        errors = dict(settled(futures, CancelToken()))
    assert set(errors) == set(futures)
    assert all("the cluster lost it" in str(error) for error in errors.values())
