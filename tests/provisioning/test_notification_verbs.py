from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from support import fork_server, google_double
from support.aws_events import client
from typer.testing import CliRunner

import lakestream as ls
from lakestream.cli.notification_verbs import app
from lakestream.errors import ConfigError, UnsupportedOptionError
from lakestream.provisioning import gcp_session
from lakestream.provisioning.setup import NotificationSetup
from lakestream.streaming_table import StreamingTable

PIPELINE = """
import lakestream as ls

@ls.streaming_table("lake/orders")
def orders():
    return ls.read_files("s3://{bucket}/in", format="json", storage_options={options})
"""


def notifications(*words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    return fork_server.run(
        "from lakestream.cli.main import run; run()", "notifications", *words, given=answer
    )


def test_verbs_when_typed_in_turn_then_made_shown_and_removed(
    moto_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bucket = f"landing-{uuid.uuid4().hex[:10]}"
    client("s3", moto_server.endpoint).create_bucket(Bucket=bucket)
    text = PIPELINE.format(bucket=bucket, options=moto_server.options)
    (tmp_path / "pipeline.py").write_text(text)

    planned = notifications("plan", "pipeline:orders", "--json")
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    names = [each["name"] for each in plan["resources"]]
    assert plan["done"] is False
    assert json.loads(notifications("list", "pipeline:orders", "--json").stdout) == []

    assert notifications("apply", "pipeline:orders", answer="n\n").returncode == 1
    made = notifications("apply", "pipeline:orders", "--tag", "team=a", answer="y\n")
    assert made.returncode == 0, made.stderr
    assert plan["declare"] in made.stdout
    listed = json.loads(notifications("list", "pipeline:orders", "--json").stdout)
    assert [each["name"] for each in listed] == names

    removed = notifications("destroy", "pipeline:orders", "--yes")
    assert removed.stdout == "removed 3 resources\n"
    again = notifications("destroy", "pipeline:orders", answer="y\n")
    assert again.stdout == "nothing is there\n"


def table_of(path: str) -> StreamingTable:
    @ls.streaming_table("lake/orders", name="orders")
    def orders() -> ls.Stream:
        return ls.read_files(path, format="text")

    return orders


@pytest.mark.parametrize("path", ["landing/orders", "memory://landing/orders"])
def test_setup_when_no_cloud_has_the_files_then_refused_with_the_way_out(path: str) -> None:
    with pytest.raises(UnsupportedOptionError, match="let them be listed"):
        NotificationSetup(table_of(path))


@pytest.mark.parametrize("project", [None, "", "a/b", "Corp"])
def test_setup_when_google_is_not_told_the_project_then_refused(project: str | None) -> None:
    table = table_of("gs://landing/orders")
    with pytest.raises(ConfigError, match="--project"):
        NotificationSetup(table, project=project)
    NotificationSetup(table, project="corp-1")


def test_verbs_when_the_files_are_in_google_cloud_then_made_and_removed_in_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with google_double.serving() as double:
        monkeypatch.setattr(gcp_session, "_MANAGER", double.url)
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", double.url.removeprefix("http://"))
        options = {"google_base_url": double.url, "allow_http": "true"}
        text = PIPELINE.format(bucket="landing", options=options).replace("s3://", "gs://")
        (tmp_path / "google_pipeline.py").write_text(text)

        def said(verb: str, *words: str) -> str:
            done = CliRunner().invoke(
                app, [verb, "google_pipeline:orders", "--project", "corp", *words]
            )
            assert done.exit_code == 0, done.output
            return done.output

        plan = json.loads(said("plan", "--json"))
        assert plan["declare"].startswith(
            'ls.PubSubSubscription("projects/corp/subscriptions/lakestream-orders-'
        )
        assert double.pubsub.topics == {}
        assert json.loads(said("apply", "--yes", "--json"))["declare"] == plan["declare"]
        assert len(json.loads(said("list", "--json"))) == 5
        assert said("destroy", "--yes") == "removed 5 resources\n"
        assert (double.pubsub.topics, double.configurations) == ({}, {})


@pytest.mark.parametrize("given", [{}, {"subscription_id": "s"}, {"subscription_id": "a/b"}])
def test_setup_when_azure_is_not_told_where_then_refused(given: dict[str, str]) -> None:
    table = table_of("az://landing/orders")
    with pytest.raises(ConfigError, match="--resource-group"):
        NotificationSetup(table, **given)  # type: ignore[arg-type] # texts, by name
    NotificationSetup(table, subscription_id="0-1", resource_group="lake.(x)")


def test_setup_when_the_table_reads_no_files_then_refused() -> None:
    @ls.streaming_table("lake/copied")
    def copied() -> ls.Stream:
        return ls.read_delta("lake/orders")

    with pytest.raises(ConfigError, match="reads no files"):
        NotificationSetup(copied)


@pytest.mark.parametrize(
    "tags", [{"lakestream-stream": "x"}, {"": "x"}, {"a": "\n"}, {str(n): "x" for n in range(50)}]
)
def test_tags_when_no_cloud_takes_them_then_refused(tags: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        NotificationSetup(table_of("s3://a/orders"), resource_tags=tags)


def test_name_when_declared_again_then_the_same_and_short_enough() -> None:
    names = {NotificationSetup(table_of("s3://a/orders")).name for _ in range(2)}
    (name,) = names
    assert name.startswith("lakestream-orders-")
    assert len(f"{name}-dlq") <= 63
