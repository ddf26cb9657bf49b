"""A plan made ready to run: validated, fused into few queries, with the output's types known.

Runs of stateless nodes become one DuckDB SELECT each; a Python function stands between two of
them. A plan without any of that is the identity and loads no engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from arro3.core import RecordBatchReader

from lakestream.plan import types as t
from lakestream.plan.expectations import Expectation
from lakestream.plan.nodes import Alias, Node, Source, StaticTable

if TYPE_CHECKING:
    from lakestream.sql.execution import Stage

Input = Source | StaticTable


class ExpectationCount(msgspec.Struct):
    """Rows that held to an expectation, broke it, and were left out for it."""

    passed: int = 0
    failed: int = 0
    dropped: int = 0


class TransformRun(msgspec.Struct):
    """One batch on its way through a transform.

    ``stream`` is read once. An exception inside of it surfaces as the reader's own kind;
    ``failure`` has the real one, be it the input's, the user function's or ours.
    ``expectations`` are complete when the stream has ended.
    """

    stream: RecordBatchReader
    expectations: Mapping[str, ExpectationCount]
    failures: list[BaseException] = msgspec.field(default_factory=list)

    @property
    def failure(self) -> BaseException | None:
        """What ended the stream early: the innermost cause, or None."""
        return self.failures[0] if self.failures else None


class Transform(msgspec.Struct, frozen=True):
    """A plan ready to run. Made by ``compile_plan``; used for any number of batches.

    Args:
        schema: The output's columns, in Spark's types.
        is_identity: The output is the input, and running it loads no engine.
    """

    schema: t.Struct
    is_identity: bool
    _leaf: Input | None
    _stages: tuple[Stage, ...]
    _expectations: tuple[Expectation, ...]

    def run(self, inputs: Mapping[Input, RecordBatchReader], *, now: datetime) -> TransformRun:
        """Send one batch through.

        Args:
            inputs: A stream of rows for each source and static table, read once.
            now: What ``current_timestamp()`` is in this batch, aware.

        Returns:
            The output: arrives as it is read, in batches of up to 65,536 rows, with exactly
            ``schema``'s types; expectations are counted on the way. Memory is flat but for
            static tables, which are held.
        """
        counts = {each.name: ExpectationCount() for each in self._expectations}
        if self._leaf is not None:
            return TransformRun(inputs[self._leaf], counts)
        from lakestream.sql.execution import start

        failures: list[BaseException] = []
        stream = start(self._stages, inputs, now, failures, self._expectations, counts)
        return TransformRun(stream, counts, failures)


def compile_plan(
    root: Node,
    schemas: Mapping[Input, t.Struct],
    expectations: Sequence[Expectation] = (),
) -> Transform:
    """Validate a plan against its leaves' schemas and make it ready to run.

    Reads no data. Functions given to ``mapBatches`` without a schema are called on no rows.

    Raises:
        UnknownColumnError: A name is none of the columns.
        UnknownFunctionError: A function is none of Spark's, or not among ours.
        UnsupportedOperationError: Something that a stream cannot do.
        PlanError: Types do not fit, or an output column's name appears twice.
        UserFunctionError: A ``mapBatches`` function raised on no rows.
    """
    leaf = _identity_of(root)
    if leaf is not None and not expectations:
        return Transform(schemas[leaf], True, leaf, (), ())
    from lakestream.sql.execution import stages

    made = stages(root, schemas, tuple(expectations))
    return Transform(made[-1].schema, False, None, made, tuple(expectations))


def _identity_of(node: Node) -> Input | None:
    while isinstance(node, Alias):
        node = node.input
    return node if isinstance(node, Source | StaticTable) else None
