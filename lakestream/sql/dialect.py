"""Spark SQL text to trees. Every function stays a call by the name that the user wrote.

sqlglot turns the functions that it knows into classes of its own and moves their arguments
around. Here only their names count, since ``lakestream.sql.library`` says what each one means.
"""

from __future__ import annotations

from typing import Final, cast

from sqlglot import TokenType, exp, parse
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError

from lakestream.errors import PlanError, UnsupportedOperationError
from lakestream.sql.scope import is_stream_mark

_MAX_TEXT: Final = 200_000
_SYNTAX: Final = ("CAST", "TRY_CAST", "EXTRACT", "TRIM")
_BITS: Final = {
    TokenType.PIPE: exp.BitwiseOr,
    TokenType.CARET: exp.BitwiseXor,
    TokenType.AMP: exp.BitwiseAnd,
}


class _PlainSpark(Spark):
    class Parser(Spark.Parser):  # type: ignore[misc, valid-type] # sqlglot makes it at run time
        FUNCTIONS: dict[str, object] = {}  # noqa: RUF012 - sqlglot's own way to configure a dialect
        FUNCTION_PARSERS = {  # noqa: RUF012 - sqlglot's own way to configure a dialect
            name: parser
            for name, parser in Spark.Parser.FUNCTION_PARSERS.items()
            if name in _SYNTAX
        }
        # As Spark, from the closest: * / %; + - ||; <<; &; ^; |; = < <=>; then IS, IN, LIKE.
        TERM = {**Spark.Parser.TERM, TokenType.DPIPE: exp.DPipe}  # noqa: RUF012 - as above
        BITWISE: dict[object, object] = {}  # noqa: RUF012 - as above
        # Else array(a, b)[0] would be array(0).
        ARRAY_CONSTRUCTORS: dict[object, object] = {}  # noqa: RUF012 - as above

        def _parse_bitwise(self) -> exp.Expr | None:
            return self._bits((TokenType.PIPE, TokenType.CARET, TokenType.AMP))

        def _bits(self, signs: tuple[TokenType, ...]) -> exp.Expr | None:
            sign, *closer = signs
            below = super()._parse_bitwise

            def operand() -> exp.Expr | None:
                return self._bits(tuple(closer)) if closer else below()

            this = operand()
            while self._match(sign):
                this = self.expression(_BITS[sign](this=this, expression=operand()))
            return this

        def _parse_comparison(self, this: exp.Expr | None = None) -> exp.Expr | None:
            this = this or self._parse_bitwise()
            signs = {**self.EQUALITY, **self.COMPARISON}
            while self._match_set(signs):
                node = signs[self._prev.token_type]
                this = self.expression(node(this=this, expression=self._parse_bitwise()))
            return this

        def _parse_equality(self, parse_is: bool = True) -> exp.Expr | None:  # noqa: FBT001, FBT002 - sqlglot's
            this = self._parse_comparison()
            if this is None or not parse_is:
                return this
            start = self._index
            found: exp.Expr | None = self._parse_range(this, parse_is=True)
            behind = self._curr.token_type if self._curr else None
            if self._index != start and (behind in self.EQUALITY or behind in self.COMPARISON):
                self.raise_error("brackets are needed around the condition before this")
            return found


def parse_statement(text: str, *, where: str) -> exp.Expression:
    """Read one SQL statement.

    Raises:
        PlanError: It is no Spark SQL, or more than one statement.
        UnsupportedOperationError: It has a path of Databricks' into JSON.
    """
    if len(text) > _MAX_TEXT:
        raise PlanError(
            f"the SQL text has {len(text):,} characters",
            where=where,
            fix=f"split it; the limit is {_MAX_TEXT:,}",
        )
    try:
        found = [each for each in parse(text, dialect=_PlainSpark) if each is not None]
    except (SqlglotError, ValueError) as error:
        raise PlanError(f"not Spark SQL: {_reason(error)}", where=where, fix=_SPELLING) from error
    except RecursionError as error:
        raise PlanError("the SQL text nests too deep", where=where, fix="split it") from error
    if len(found) != 1 or not isinstance(found[0], exp.Expression):
        raise PlanError(
            f"wanted one SQL statement, found {len(found)}", where=where, fix="give exactly one"
        )
    for alias in found[0].find_all(exp.Alias):
        # Else "a:b" would be column a under the name b.
        if isinstance(alias.args.get("alias"), exp.Placeholder):
            raise UnsupportedOperationError(
                "a:b, a path into JSON, is not computed here",
                where=where,
                fix="write get_json_object(a, '$.b'), or a.b for a field of a struct",
            )
    return found[0]


def parse_expression(text: str) -> exp.Expression:
    """Read one Spark SQL expression, with an alias if it has one: ``"price * 2 AS double"``.

    Raises:
        PlanError: It is no expression.
        UnsupportedOperationError: It is more than an expression: a query with clauses.
    """
    select = parse_statement(f"SELECT {text}", where=repr(text))
    clauses = {name for name, value in select.args.items() if value} - {"expressions"}
    if not isinstance(select, exp.Select) or clauses:
        raise UnsupportedOperationError(
            "this is a query, not an expression",
            where=repr(text),
            fix="give one expression here; whole queries go through ls.sql(...)",
        )
    columns = select.expressions
    if len(columns) != 1:
        raise PlanError(
            f"wanted one expression, found {len(columns)}",
            where=repr(text),
            fix="give each expression as a text of its own",
        )
    return cast("exp.Expression", columns[0])


def text_of(expression: exp.Expression) -> str:
    """Give an expression as Spark SQL, the way a reader would write it."""
    shown = expression.copy()
    root = exp.Paren(this=shown)
    for mark in list(root.find_all(exp.Column)):
        # stream["x"] is held as "#serial".x: the reader knows it as x.
        if is_stream_mark(mark.name) and isinstance(mark.parent, exp.Dot):
            mark.parent.replace(exp.Column(this=mark.parent.expression.copy()))
    return str(root.this.sql(dialect=_PlainSpark, normalize_functions=False))


_SPELLING: Final = "check brackets, quotes and commas; names with other characters stand in `...`"


def _reason(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if details:
        first = details[0]
        return f"{first['description'].rstrip('.')} at line {first['line']}, column {first['col']}"
    return "it cannot be split into words"
