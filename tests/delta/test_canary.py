"""The canary knows every fact about deltalake, and draws the right conclusion."""

from __future__ import annotations

import ast

from support.canary import LEANS, PIN, ROOT, TRAPS, UPSTREAM, verdict

MODULE = UPSTREAM.removesuffix(".py").replace("/", ".")


def results(**changed: bool) -> dict[str, bool]:
    names = {**dict.fromkeys(PIN | LEANS | TRAPS, True), **changed}
    found = {f"{MODULE}::{name}[1]": passed for name, passed in names.items()}
    return {"tests.sinks.test_delta_sink::test_commit": True, **found}


def test_facts_when_listed_then_each_is_of_one_kind() -> None:
    tree = ast.parse((ROOT / UPSTREAM).read_text())
    functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}

    assert {name for name in functions if name.startswith("test_")} == PIN | LEANS | TRAPS
    assert len(PIN) + len(LEANS) + len(TRAPS) == len(PIN | LEANS | TRAPS)


def test_verdict_when_all_holds_then_the_pin_can_go() -> None:
    assert list(verdict(results()))[-1].startswith("the pin can go")


def test_verdict_when_a_race_is_lost_then_the_pin_stays_and_it_is_named() -> None:
    lost = min(PIN)

    lines = list(verdict(results(**{lost: False})))

    assert f"  RED {lost}[1]" in lines
    assert lines[-1] == "the pin stays"


def test_verdict_when_a_trap_is_gone_then_it_is_said_and_no_obstacle() -> None:
    gone = min(TRAPS)

    lines = list(verdict(results(**{gone: False})))

    assert f"  gone: {gone}[1]" in lines
    assert lines[-1].startswith("the pin can go")


def test_verdict_when_nothing_ran_then_the_pin_stays() -> None:
    assert list(verdict({}))[-1] == "the pin stays"
