"""What users test their pipelines with.

``StreamHarness`` runs a list of steps against a streaming table; ``FaultPlan`` and ``fail_nth``
put faults between lakestream and its stores, ``HttpFaultProxy`` between any client and its HTTP
server; ``SteppedRun`` holds a run at any line of the life of a batch; ``check_exactly_once`` names
rows that were lost or doubled. The contract suites, which need pytest, are modules of their own:
``store_contract``, ``source_contract``, ``sink_contract``.
"""

from lakestream.testing.clock import ManualClock
from lakestream.testing.faults import FaultPlan, FaultyLogStore, FaultyReadStore, fail_nth
from lakestream.testing.harness import StepFailedError, StreamHarness
from lakestream.testing.http_proxy import HttpFaultPlan, HttpFaultProxy
from lakestream.testing.rows import RowsDifferError, check_exactly_once
from lakestream.testing.stepped_run import SimulatedCrash, SteppedRun, StuckError
from lakestream.testing.steps import (
    AddFiles,
    AdvanceClock,
    CrashAt,
    Do,
    ExpectFailure,
    ExpectQuarantine,
    ExpectRows,
    ProcessAllAvailable,
    Restart,
    Start,
    Step,
    Stop,
)

__all__ = [
    "AddFiles",
    "AdvanceClock",
    "CrashAt",
    "Do",
    "ExpectFailure",
    "ExpectQuarantine",
    "ExpectRows",
    "FaultPlan",
    "FaultyLogStore",
    "FaultyReadStore",
    "HttpFaultPlan",
    "HttpFaultProxy",
    "ManualClock",
    "ProcessAllAvailable",
    "Restart",
    "RowsDifferError",
    "SimulatedCrash",
    "Start",
    "Step",
    "StepFailedError",
    "SteppedRun",
    "Stop",
    "StreamHarness",
    "StuckError",
    "check_exactly_once",
    "fail_nth",
]
