"""Workers on a Ray cluster: the audio is that of a local run, also when a node is lost."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ray_cluster import SmallCluster, cluster
from typer.testing import CliRunner

from vibevoice_nb import Engine, Project, parse_script
from vibevoice_nb.audio.io import read_audio
from vibevoice_nb.cli import speak as speak_module
from vibevoice_nb.cli.app import app
from vibevoice_nb.engine.cluster.pool import resources_for
from vibevoice_nb.engine.cluster.run import RayRun
from vibevoice_nb.engine.cluster.session import check_address
from vibevoice_nb.engine.cluster.tasks import Frame, Item, ModelSource, Task
from vibevoice_nb.engine.cluster.worker import Worker
from vibevoice_nb.errors import OptionError, ServerError

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason='ray is not installed: pip install "vibevoice-nb[serve]"'
)
SCRIPT = "Speaker 1: Good morning.\nSpeaker 2: Hello."
QUICK = {"num_steps": 2, "seed": 3}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("nano", device="cpu")


# --- without a cluster --------------------------------------------------------------------------------------


class _Facts:
    """Model of a run that no cluster generates: the sizes of its frames."""

    def __init__(self, engine: Engine) -> None:
        config = engine.model.config
        self.facts = self
        self.frame_sizes = (config.head.latent_size, config.semantic.size)


@pytest.fixture(scope="module")
def parcels() -> tuple[Task, list[Item]]:
    """Items that a worker sends for a script of two passages, with a pause."""
    worker = Worker()
    facts = worker.load(ModelSource("nano", device="cpu"))
    turns = parse_script("Speaker 1: Good morning.\n[pause:300]\nSpeaker 1: Hello.").turns
    task = Task(turns, {}, facts.defaults.updated(QUICK), pauses=True)
    return task, [item for parcel in worker.generate(1, [task]) for item in parcel]


def test_items_of_a_worker_are_those_of_a_local_run(engine: Engine, parcels: tuple[Task, list[Item]]) -> None:
    task, items = parcels
    local = engine.run_whole(task.turns, {}, task.options, pauses=True)
    expected = np.concatenate(list(local))
    run = RayRun(_Facts(engine), task, 1.0)  # type: ignore[arg-type]
    audio = np.concatenate([piece for _, item in items if (piece := run.take(item)) is not None])
    assert np.array_equal(audio, expected) and run.samples == len(audio) and run.pauses == local.pauses > 0
    assert np.array_equal(run.frames.latent, local.frames.latent)
    assert (run.ended, run.spans(), run.turn_samples(), run.prefill_hash, run.max_seconds) == (
        local.ended,
        local.spans(),
        local.turn_samples(),
        local.prefill_hash,
        local.max_seconds,
    )


def test_a_run_continues_after_the_loss_of_a_worker(engine: Engine, parcels: tuple[Task, list[Item]]) -> None:
    task, items = parcels
    whole, run = (RayRun(_Facts(engine), task, 1.0) for _ in range(2))  # type: ignore[arg-type]
    expected = [piece for _, item in items if (piece := whole.take(item)) is not None]
    got = [piece for _, item in items[:5] if (piece := run.take(item)) is not None]
    for _ in range(2):  # another worker is lost after less
        run.restart()
        assert all(run.take(item) is None for _, item in items[:3])
    run.restart()
    got += [piece for _, item in items if (piece := run.take(item)) is not None]
    assert np.array_equal(np.concatenate(got), np.concatenate(expected))
    assert np.array_equal(run.frames.latent, whole.frames.latent) and run.ended == "finished"


def test_audio_that_differs_is_not_joined(engine: Engine, parcels: tuple[Task, list[Item]]) -> None:
    task, items = parcels
    run = RayRun(_Facts(engine), task, 1.0)  # type: ignore[arg-type]
    for _, item in items[:4]:
        run.take(item)
    run.restart()
    first = next(item for _, item in items if isinstance(item, Frame))
    with pytest.raises(ServerError, match="differs"):
        run.take(replace(first, latent=first.latent + 0.2))


def test_addresses_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"vibevoice-nb\[serve\]"):
        check_address("10.0.0.5:6379")
    for address, said in (("ray://head:10001", "ray job submit"), ("a b", "HOST:PORT")):
        with pytest.raises(OptionError, match=said):
            check_address(address)


def test_nodes_without_cpus_have_no_workers() -> None:
    assert resources_for([{"memory": 1.0}], ModelSource("nano"))[1] == 0


# --- on a cluster of two nodes ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nodes() -> Iterator[SmallCluster]:
    with cluster() as started:
        yield started


@needs_ray
@pytest.mark.ray
def test_a_batch_survives_the_loss_of_a_node(
    engine: Engine, nodes: SmallCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second node is killed when the first script is complete."""
    second = nodes.add_node(num_cpus=1)
    scripts = []
    for number in range(6):
        scripts.append(tmp_path / f"s{number}.txt")
        scripts[-1].write_text(f"Speaker 1: {'Good morning. ' * (1 + number % 3)}\nSpeaker 2: Hello.\n")
    report, killed = speak_module.report, []

    def report_and_kill(outcome: object) -> None:
        report(outcome)  # type: ignore[arg-type]
        if not killed:
            killed.append(second)
            nodes.remove_node(second)

    monkeypatch.setattr(speak_module, "report", report_and_kill)
    options = ["--out-dir", tmp_path / "made", "--seed", 3, "--num-steps", 2, "--device", "cpu"]
    args = ["speak", *scripts, *options, "--batch-size", 1, "--ray", nodes.address, "--json"]
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    assert killed and result.stdout.startswith("{") and result.stdout.count("\n") == 1
    assert "2 workers on cpu" in result.stderr and result.stderr.count("s of audio") == 6
    for script in scripts:
        made, _ = read_audio(tmp_path / "made" / f"{script.stem}.wav")
        assert np.allclose(made, engine.speak(script.read_text(), **QUICK).audio, atol=1e-4)


@needs_ray
@pytest.mark.ray
def test_takes_and_sweeps_use_the_workers(engine: Engine, nodes: SmallCluster, tmp_path: Path) -> None:
    with (
        Project.create(tmp_path / "talk", SCRIPT) as project,
        Engine.on_ray("nano", address=nodes.address, workers=2, device="cpu") as workers,
    ):
        project.generate(engine, **QUICK).result(120)
        turn = project.turns[1].id
        seen: list[int] = []
        job = project.regenerate(
            workers,
            turn,
            takes=3,
            listener=lambda event: seen.append(event.start) if event.kind == "audio" else None,
            **QUICK,
        )
        job.result(120)
        takes = project.takes.of(turn)
        assert len(takes) == 4 and len({take.seed for take in takes}) == 4 and job.progress.turns_done == 3
        assert project.turns[1].chosen == job.takes[-1].id and seen == sorted(seen)
        for take in job.takes:
            assert take.manifest.ended == "finished" and take.manifest.server == "ray"
            assert take.manifest.context_dropped == 0 and len(take.manifest.context) == 1
        project.takes.choose(turn, job.takes[0].id)
        project.undo()
        assert project.turns[1].chosen == job.takes[-1].id
        sweep = project.sweep(workers, {"seed": 3}, num_steps=[1, 2]).result(120)
        assert [cell.state for cell in sweep] == ["finished", "finished"]
        whole = engine.speak(project.script, {"Speaker 1": "Ada", "Speaker 2": "Ruben"}, seed=3, num_steps=2)
        assert np.allclose(sweep.cells[1].take.audio, whole.audio, atol=1e-4)


@needs_ray
@pytest.mark.ray
def test_errors_of_workers_are_those_of_the_model(nodes: SmallCluster, tmp_path: Path) -> None:
    from vibevoice_nb.errors import CheckpointError

    with pytest.raises(CheckpointError), Engine.on_ray(tmp_path / "missing", address=nodes.address):
        pass
