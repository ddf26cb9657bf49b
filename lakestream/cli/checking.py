"""What ``lakestream check`` finds out about a table, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.markup import escape

from lakestream.cli.output import OUT, told
from lakestream.errors import LakestreamError
from lakestream.plan.types import schema_ddl

if TYPE_CHECKING:
    from lakestream.streaming_table import StreamingTable


def check_table(table: StreamingTable) -> dict[str, Any]:
    """Check a declaration, and ask the queues that tell it of files.

    Returns:
        ``table``; ``ok``; ``schema``, or what is wrong as ``error``; and, where there are queues,
        ``queues``: each one's ``queue``, ``facts`` and ``findings``.
    """
    found: dict[str, Any] = {"table": table.name, "ok": True}
    try:
        found["schema"] = schema_ddl(table.validate())
        queues = table.check_queues()
    except LakestreamError as error:
        return {"table": table.name, "ok": False, "error": told(error)}
    return found | ({"queues": msgspec.to_builtins(queues)} if queues else {})


def print_checks(results: Sequence[dict[str, Any]]) -> None:
    """Show what was found out for people."""
    for result in results:
        mark = "[green]ok[/]" if result["ok"] else "[red]error[/]"
        text = escape(str(result.get("schema") or result.get("error")))
        _say(f"{mark} [bold]{escape(str(result['table']))}[/]: {text}")
        for each in result.get("queues", ()):
            _say(
                f"   queue {escape(each['queue'])}: {', '.join(_told(each['facts'])) or 'answers'}"
            )
            for finding in each["findings"]:
                _say(
                    f"   [yellow]{finding['code']}[/] {escape(finding['text'])};"
                    f" to do: {escape(finding['fix'])}"
                )


def _told(facts: dict[str, Any]) -> Iterator[str]:
    for name, text in (
        ("waiting", "about {:,} messages wait"),
        ("taken", "{:,} are taken"),
        ("lease_s", "hidden for {:,} s"),
        ("retention_s", "kept for {:,} s"),
        ("deliveries", "given up after {:,} deliveries"),
    ):
        if facts[name] is not None:
            yield text.format(facts[name])


def _say(text: str) -> None:
    OUT.print(text, highlight=False, soft_wrap=True)
