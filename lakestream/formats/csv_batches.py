"""Rows of text to batches of the plan's columns: types, rescued data, drift, modes."""

from __future__ import annotations

from arro3.core import RecordBatch

from lakestream.formats.bad_records import take_bad_record
from lakestream.formats.base import BadRecord, DecodedBatch, DecodePlan, Outcomes
from lakestream.formats.column_layout import Layout
from lakestream.formats.csv_blocks import TextRows
from lakestream.formats.csv_casts import column_kind, typed_column
from lakestream.formats.csv_values import ValueRules, kind_of, merged_kind
from lakestream.formats.fixed_columns import output_schema
from lakestream.formats.lazy_pyarrow import Column, compute, null_column, pyarrow
from lakestream.formats.rescue import Rescued, raw_text, rescued_data
from lakestream.formats.schema import check_limits
from lakestream.plan import types as t
from lakestream.plan.widening import widened


class BatchBuilder:
    """Gives the batches of one decode, and gathers its drift.

    Args:
        rules: How values are written.
        plan: The columns and modes.
        outcomes: Where counts, bad records and drift go.
    """

    def __init__(self, rules: ValueRules, plan: DecodePlan, outcomes: Outcomes) -> None:
        self._rules = rules
        self._plan = plan
        self._outcomes = outcomes
        self._drift: dict[str, t.SparkType] = {}

    def note_layout(self, layout: Layout) -> None:
        """Count a file's new columns as drift, also when it has no rows.

        Raises:
            SchemaRejectedError: There are too many.
        """
        if self._plan.unknown == "evolve":
            for stranger in layout.strangers:
                if stranger.new:
                    self._note(stranger.name, t.VOID)
            self._publish()

    def build(self, rows: TextRows, layout: Layout) -> DecodedBatch | None:
        """Give the batch of some rows; None when all of them were dropped.

        Raises:
            BadRecordError: ``mode="failfast"``, no rescued column, and a value did not fit.
            SchemaRejectedError: The drift is over a limit.
        """
        rescued: dict[int, dict[str, Rescued]] = {}
        misfits: set[int] = set()
        columns: list[Column] = []
        for at, (name, kind) in enumerate(self._plan.schema.fields):
            source = layout.sources[at]
            if name == self._plan.corrupt_column or source is None:
                columns.append(null_column(rows.count, kind))
                continue
            text = rows.columns[source]
            column, mismatched = typed_column(text, kind, self._rules)
            columns.append(column)
            misfits.update(mismatched)
            self._rescue(text, mismatched, layout.names[source], rescued)
            self._note_widening(name, kind, text, mismatched)
        self._take_strangers(rows, layout, rescued)
        dropped = self._judge(rows, misfits) if self._plan.rescued_column is None else set()
        self._publish()
        return self._batch(rows, columns, rescued, dropped)

    def _rescue(
        self, text: Column, at: list[int], name: str, rescued: dict[int, dict[str, Rescued]]
    ) -> None:
        if not at or self._plan.rescued_column is None:
            return
        values = text.take(pyarrow().array(at, pyarrow().int64())).to_pylist()
        for row, value in zip(at, values, strict=True):
            rescued.setdefault(row, {})[name] = raw_text(value)

    def _take_strangers(
        self, rows: TextRows, layout: Layout, rescued: dict[int, dict[str, Rescued]]
    ) -> None:
        for stranger in layout.strangers:
            text = rows.columns[stranger.index]
            if stranger.new and self._plan.unknown == "evolve":
                kind = column_kind(text, self._rules) if self._plan.infer_types else t.STRING
                self._note(stranger.name, kind)
            valid = compute().indices_nonzero(text.is_valid()).to_pylist()
            self._rescue(text, valid, stranger.name, rescued)
        for row, values in rows.surplus.items():
            for position, value in enumerate(values, len(layout.names)):
                if value is not None:
                    rescued.setdefault(row, {})[f"_c{position}"] = raw_text(value)

    def _judge(self, rows: TextRows, misfits: set[int]) -> set[int]:
        """Treat rows whose values did not fit by the mode; give those that go."""
        if self._plan.mode == "permissive" and self._plan.corrupt_column is None:
            return set()
        dropped: set[int] = set()
        files = list(rows.files()) if misfits else []
        for row in sorted(misfits):
            line, raw = rows.record(row)
            reason = "a value is not of its column's type"
            bad = BadRecord(files[row].index, line, "type_mismatch", reason, raw)
            if take_bad_record(bad, files[row], self._plan, self._outcomes):
                rows.corrupt[row] = raw.decode()
            else:
                dropped.add(row)
        return dropped

    def _note_widening(
        self, name: str, kind: t.SparkType, text: Column, mismatched: list[int]
    ) -> None:
        if not self._plan.widen or not mismatched:
            return
        taken = text.take(pyarrow().array(mismatched, pyarrow().int64()))
        for value in compute().unique(taken).to_pylist():
            wider = widened(self._drift.get(name, kind), kind_of(value, self._rules))
            if wider is not None:
                self._drift[name] = wider

    def _note(self, name: str, kind: t.SparkType) -> None:
        self._drift[name] = merged_kind(self._drift.get(name, t.VOID), kind)

    def _publish(self) -> None:
        if self._drift:
            drift = t.Struct(
                tuple(
                    (name, t.STRING if kind == t.VOID else kind)
                    for name, kind in self._drift.items()
                )
            )
            check_limits(drift, where="columns that the schema does not have")
            self._outcomes.drift = drift

    def _batch(
        self,
        rows: TextRows,
        columns: list[Column],
        rescued: dict[int, dict[str, Rescued]],
        dropped: set[int],
    ) -> DecodedBatch | None:
        pa, plan = pyarrow(), self._plan
        if plan.corrupt_column is not None and rows.corrupt:
            texts = [rows.corrupt.get(row) for row in range(rows.count)]
            columns[plan.schema.names.index(plan.corrupt_column)] = pa.array(texts, pa.string())
        if plan.rescued_column is not None:
            columns.append(self._rescued_column(rows, rescued))
        runs = [(file.index, count) for file, count in rows.runs]
        batch = pa.record_batch(columns, schema=pa.schema(output_schema(plan)))
        if dropped:
            kept = [row for row in range(rows.count) if row not in dropped]
            files = [file.index for file in rows.files()]
            batch = batch.take(pa.array(kept, pa.int64()))
            runs = [(files[row], 1) for row in kept]
        runs = _joined(runs)
        for file, count in runs:
            self._outcomes.files[file].rows += count
        return DecodedBatch(RecordBatch.from_arrow(batch), runs) if runs else None

    def _rescued_column(self, rows: TextRows, rescued: dict[int, dict[str, Rescued]]) -> Column:
        if not rescued:
            return null_column(rows.count, t.STRING)
        texts: list[str | None] = [None] * rows.count
        for row, file in enumerate(rows.files()):
            if row in rescued:
                texts[row] = rescued_data(rescued[row], file.uri)
                self._outcomes.files[file.index].rescued += 1
        return pyarrow().array(texts, pyarrow().string())


def _joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Make one run of neighbours of the same file."""
    joined: list[tuple[int, int]] = []
    for file, count in runs:
        if joined and joined[-1][0] == file:
            joined[-1] = (file, joined[-1][1] + count)
        else:
            joined.append((file, count))
    return joined
