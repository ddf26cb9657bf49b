"""Which of many calls a fault befalls: by operation, key and number, or by a seed."""

from __future__ import annotations

import fnmatch
import random
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

#: For ``times``: this call and every later one.
ALWAYS = sys.maxsize


class Named(Protocol):
    """A fault that plans count by its name."""

    @property
    def name(self) -> str:
        """What happens, in a few words."""
        ...


F = TypeVar("F", bound=Named)


@dataclass
class Rule(Generic[F]):
    """Which calls a fault befalls: the ``first``-th matching one (1 is the first) and on.

    Args:
        operation: The operation, as a glob.
        key: The key, as a glob; a ``*`` crosses slashes.
        fault: What happens.
        first: From which matching call on.
        times: To how many calls.
        seen: How many calls matched so far.
    """

    operation: str
    key: str
    fault: F
    first: int = 1
    times: int = 1
    seen: int = 0

    def befalls(self, operation: str, key: str) -> bool:
        """Count a call if it matches; tell whether the fault befalls it."""
        if not (
            fnmatch.fnmatchcase(operation, self.operation) and fnmatch.fnmatchcase(key, self.key)
        ):
            return False
        self.seen += 1
        return self.first <= self.seen < self.first + self.times


@dataclass
class FaultScript(Generic[F]):
    """What becomes of each call; a call that no rule names is served. Thread-safe.

    ``calls`` lists every call as ``operation key``, faults or not; ``injected`` counts the
    faults that happened, by ``operation: fault``.
    """

    rules: list[Rule[F]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    _dice: random.Random | None = None
    _probability: float = 0.0
    _choices: Mapping[str, Sequence[F]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, operation: str, key: str, fault: F, *, first: int = 1, times: int = 1) -> Self:
        """Script a fault (see ``Rule``); gives the plan itself."""
        self.rules.append(Rule(operation, key, fault, first, times))
        return self

    @property
    def reached(self) -> bool:
        """Whether every rule's fault has happened at least once."""
        return all(rule.seen >= rule.first for rule in self.rules)

    def fault_for(self, operation: str, key: str) -> F | None:
        """Note a call; give the fault that befalls it, which counts as injected."""
        with self._lock:
            self.calls.append(f"{operation} {key}")
            fault = self._chosen(operation, key)
            if fault is not None:
                self.injected[f"{operation}: {fault.name}"] += 1
            return fault

    def _chosen(self, operation: str, key: str) -> F | None:
        # Every rule counts every call, so that two scripts of one plan do not shift each other.
        hits = [rule.fault for rule in self.rules if rule.befalls(operation, key)]
        if hits:
            return hits[0]
        if self._dice is not None and self._dice.random() < self._probability:
            return self._dice.choice(self._choices[operation])
        return None
