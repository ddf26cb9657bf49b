"""``lakestream notifications VERB MODULE:TABLE``: the queue that tells a table of new files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

import msgspec
import typer
from rich.markup import escape

from lakestream.cli.output import OUT, counted, print_json, print_table
from lakestream.cli.target import load_table

if TYPE_CHECKING:
    from lakestream.provisioning.aws_documents import Via
    from lakestream.provisioning.base import NotificationPlan, Resource
    from lakestream.provisioning.setup import NotificationSetup

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make, show and remove the queue that tells a table of new files.",
)
_TableArgument = Annotated[str, typer.Argument(metavar="MODULE:TABLE", help="the table")]
_ViaOption = Annotated[
    str, typer.Option(help="In AWS, the way of the events: sqs, sns or eventbridge.")
]
_SubscriptionOption = Annotated[
    str | None, typer.Option(metavar="ID", help="In Azure, the storage account's subscription.")
]
_GroupOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="In Azure, its resource group.")
]
_ProjectOption = Annotated[
    str | None, typer.Option(metavar="ID", help="In Google Cloud, the subscription's project.")
]
_TagOption = Annotated[
    list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag of each resource.")
]
_JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
_YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def plan(
    target: _TableArgument,
    *,
    via: _ViaOption = "sqs",
    subscription: _SubscriptionOption = None,
    resource_group: _GroupOption = None,
    project: _ProjectOption = None,
    tags: _TagOption = None,
    as_json: _JsonOption = False,
) -> None:
    """Tell what would be made, what stands in its way, and what rights are needed."""
    found = _setup(target, via, (subscription, resource_group), project, tags).plan()
    _print_plan(found, as_json=as_json)
    raise typer.Exit(1 if found.conflicts else 0)


@app.command()
def apply(
    target: _TableArgument,
    *,
    via: _ViaOption = "sqs",
    subscription: _SubscriptionOption = None,
    resource_group: _GroupOption = None,
    project: _ProjectOption = None,
    tags: _TagOption = None,
    yes: _YesOption = False,
    as_json: _JsonOption = False,
) -> None:
    """Make what is missing and mend what has drifted."""
    setup = _setup(target, via, (subscription, resource_group), project, tags)
    if not yes:
        _refuse_json(as_json=as_json)
        found = setup.plan()
        _print_plan(found, as_json=False)
        if found.is_done:
            return
        if not found.conflicts and not typer.confirm("Go on?"):
            raise typer.Exit(1)
    done = setup.apply()
    if yes:
        _print_plan(done, as_json=as_json)
    if not as_json:
        OUT.print("done")


@app.command("list")
def list_resources(
    target: _TableArgument,
    *,
    via: _ViaOption = "sqs",
    subscription: _SubscriptionOption = None,
    resource_group: _GroupOption = None,
    project: _ProjectOption = None,
    as_json: _JsonOption = False,
) -> None:
    """Show what is there for a table."""
    _print_resources(
        _setup(target, via, (subscription, resource_group), project, None).list(), as_json=as_json
    )


@app.command()
def destroy(
    target: _TableArgument,
    *,
    via: _ViaOption = "sqs",
    subscription: _SubscriptionOption = None,
    resource_group: _GroupOption = None,
    project: _ProjectOption = None,
    yes: _YesOption = False,
    as_json: _JsonOption = False,
) -> None:
    """Remove what carries the table's tag, with the messages that wait."""
    setup = _setup(target, via, (subscription, resource_group), project, None)
    if not yes:
        _refuse_json(as_json=as_json)
        found = setup.list()
        _print_resources(found, as_json=False)
        if not found:
            return
        if not typer.confirm(f"Remove {counted(len(found), 'resource')}?"):
            raise typer.Exit(1)
    removed = setup.destroy()
    if as_json:
        _print_resources(removed, as_json=True)
    else:
        OUT.print(f"removed {counted(len(removed), 'resource')}")


def _setup(
    target: str,
    via: str,
    group: tuple[str | None, str | None],
    project: str | None,
    tags: list[str] | None,
) -> NotificationSetup:
    from lakestream.provisioning.setup import NotificationSetup

    split = [each.partition("=") for each in tags or ()]
    if not all(equals for _, equals, _ in split):
        raise typer.BadParameter("write KEY=VALUE", param_hint="--tag")
    return NotificationSetup(
        load_table(target),
        via=cast("Via", via),
        subscription_id=group[0],
        resource_group=group[1],
        project=project,
        resource_tags={key: value for key, _, value in split},
    )


def _refuse_json(*, as_json: bool) -> None:
    if as_json:
        raise typer.BadParameter("--json does not ask: give --yes")


def _print_plan(found: NotificationPlan, *, as_json: bool) -> None:
    if as_json:
        print_json({**msgspec.to_builtins(found), "done": found.is_done})
        return
    OUT.print(f"new files under [bold]{escape(found.place)}[/]", highlight=False, soft_wrap=True)
    print_table(
        ["action", "kind", "name", "detail"],
        [msgspec.structs.asdict(each) for each in found.resources],
    )
    for each in found.conflicts:
        OUT.print(f"[red]refused[/]: {escape(each)}", highlight=False, soft_wrap=True)
    OUT.print(f"declare: notifications={escape(found.declare)}", highlight=False, soft_wrap=True)
    for who, policy in found.policies.items():
        OUT.print(f"the least that {who} needs:", highlight=False)
        print_json(policy)


def _print_resources(found: Sequence[Resource], *, as_json: bool) -> None:
    rows = [{"kind": each.kind, "name": each.name} for each in found]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(["kind", "name"], rows)
    else:
        OUT.print("nothing is there")
