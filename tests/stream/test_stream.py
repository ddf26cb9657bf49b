# ruff: noqa: PT012 - tests read as sentences; the reader's own errors are of any kind

import datetime as dt
from dataclasses import dataclass

import pyarrow as pa
import pytest
from arro3.core import RecordBatchReader

import lakestream.functions as F  # noqa: N812 - PySpark's habit
from lakestream.errors import (
    ConfigError,
    PlanError,
    UnknownColumnError,
    UnknownFunctionError,
    UnsupportedOperationError,
)
from lakestream.plan import types as t
from lakestream.plan.arrow_types import arrow_schema
from lakestream.plan.nodes import leaves_of
from lakestream.sql.compile import compile_plan
from lakestream.sql.sql_text import sql
from lakestream.stream import Stream

NOW = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC)
ORDERS = t.schema_of_ddl(
    "id BIGINT, price DECIMAL(10,2), product STRING, place STRUCT<City: STRING>"
)
PRODUCTS = t.schema_of_ddl("product STRING, kind STRING")


@dataclass(frozen=True)
class Described:
    location: str
    schema: t.Struct
    declared: bool = True
    kind: str = "files"
    asset_key: None = None

    @property
    def description(self):
        return f"files[{self.location}]"

    @property
    def declared_schema(self):
        return self.schema if self.declared else None


def orders(*, declared: bool = True) -> Stream:
    return Stream.from_source(Described("orders", ORDERS, declared))


def products(*, declared: bool = True) -> Stream:
    return Stream.from_static(Described("products", PRODUCTS, declared))


ROWS = {
    "orders": [
        {"id": 1, "price": "1.50", "product": "Bike", "place": {"City": "Bern"}},
        {"id": 2, "price": "20.00", "product": "Car", "place": None},
        {"id": 3, "price": None, "product": None, "place": {"City": "Ulm"}},
    ],
    "products": [{"product": "Bike", "kind": "two"}, {"product": "Boat", "kind": "none"}],
}


def rows(stream: Stream) -> list[dict]:
    plan = stream.plan
    leaves = leaves_of(plan)
    transform = compile_plan(plan, {leaf: leaf.description.schema for leaf in leaves})
    inputs = {}
    for leaf in leaves:
        schema = pa.schema(arrow_schema(leaf.description.schema))
        text = pa.schema([f if f.name != "price" else f.with_type(pa.string()) for f in schema])
        table = pa.Table.from_pylist(ROWS[leaf.description.location], schema=text).cast(schema)
        inputs[leaf] = RecordBatchReader.from_stream(table)
    return pa.table(transform.run(inputs, now=NOW).stream).to_pylist()


def values(stream: Stream, name: str) -> list:
    return [row[name] for row in rows(stream)]


@pytest.mark.parametrize("declared", [True, False])
def test_filter_when_column_or_text_then_only_true_rows_stay(declared):
    stream = orders(declared=declared)

    assert values(stream.filter(F.col("price") > 2), "id") == [2]
    assert values(stream.where("price <= 2 OR product IS NULL"), "id") == [1, 3]
    assert values(stream.filter(stream.product.isNotNull() & (stream["id"] > 1)), "id") == [2]


def test_with_column_when_name_exists_then_it_is_replaced_in_place_whatever_its_case():
    made = orders().withColumns({"ID": F.col("id") + 1, "twice": F.col("id") * 2})

    assert made.columns == ["ID", "price", "product", "place", "twice"]
    assert values(made, "twice") == [2, 4, 6]


def test_rename_and_drop_when_column_is_missing_then_nothing_happens():
    made = (
        orders().withColumnRenamed("nope", "x").withColumnRenamed("id", "key").drop("gone", "price")
    )

    assert made.columns == ["key", "product", "place"]
    assert values(made, "key") == [1, 2, 3]


def test_select_when_star_alias_and_field_then_columns_come_in_order():
    made = orders().select("id", F.col("place.city"), F.upper("product").alias("loud"))

    assert made.columns == ["id", "city", "loud"]
    assert rows(made)[0] == {"id": 1, "city": "Bern", "loud": "BIKE"}


def test_select_expr_when_now_is_used_then_it_is_the_batch_time():
    assert values(orders().selectExpr("current_timestamp() AS at"), "at") == [NOW] * 3


def test_case_when_chained_then_first_true_branch_wins():
    made = orders().withColumn(
        "size", F.when(F.col("price") > 10, "big").when(F.col("price") > 1, "small").otherwise("?")
    )

    assert values(made, "size") == ["small", "big", "?"]


def test_column_when_misspelt_and_schema_declared_then_error_at_the_method():
    with pytest.raises(UnknownColumnError, match="did you mean 'price'"):
        orders().filter("prize > 1")
    with pytest.raises(UnknownColumnError, match="did you mean 'City'"):
        orders().select(F.col("place.Cty"))
    with pytest.raises(AttributeError, match="did you mean 'price'"):
        _ = orders().prize


def test_metadata_when_not_asked_for_then_told_how_to():
    with pytest.raises(UnknownColumnError, match="metadata_column="):
        orders().select("_metadata.file_path")


def test_column_when_misspelt_and_schema_inferred_then_error_at_compile():
    stream = orders(declared=False).filter("prize > 1")

    with pytest.raises(UnknownColumnError, match="did you mean 'price'"):
        compile_plan(stream.plan, {leaves_of(stream.plan)[0]: ORDERS})


@pytest.mark.parametrize("declared", [True, False])
def test_method_when_misspelt_then_attribute_error_with_near_names(declared):
    with pytest.raises(AttributeError, match="withColumn"):
        orders(declared=declared).withColum("a", F.lit(1))


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("groupBy", "state across rows"),
        ("show", "preview"),
        ("foreachBatch", "mapBatches"),
        ("write", "streaming_table"),
    ],
)
def test_method_when_a_stream_has_none_like_it_then_told_what_to_do(name, instead):
    for declared in (True, False):
        with pytest.raises(AttributeError, match=instead):
            getattr(orders(declared=declared), name)


def test_functions_module_when_asked_for_another_name_then_near_names():
    with pytest.raises(AttributeError, match="did you mean 'lower'"):
        F.lowerr  # noqa: B018 - looking it up is what fails
    with pytest.raises(AttributeError, match=r"docs/sql\.md"):
        F.percentile_approx  # noqa: B018 - looking it up is what fails


def test_function_when_misspelt_then_near_names_and_when_aggregate_then_refused():
    with pytest.raises(UnknownFunctionError, match="upper"):
        orders().select(F.expr("uppper(product)"))
    with pytest.raises(UnsupportedOperationError, match="more than one row"):
        orders().selectExpr("sum(id)")


def test_schema_when_not_declared_then_coded_error():
    with pytest.raises(PlanError, match="not known"):
        _ = orders(declared=False).schema


def test_schema_when_declared_then_arrow_types_of_spark():
    made = orders().select((F.col("price") * 2).alias("p"), F.lit(1.5).alias("d"))

    assert made.schema == pa.schema({"p": pa.decimal128(12, 2), "d": pa.float64()})


def test_join_when_by_name_then_key_comes_once_and_left_keeps_all():
    joined = orders().join(products(), "product", "left").select("id", "product", "kind")

    assert sorted(values(joined, "kind"), key=str) == [None, None, "two"]


@pytest.mark.parametrize(
    ("how", "ids"), [("inner", [1]), ("left_semi", [1]), ("left_anti", [2, 3])]
)
def test_join_when_by_condition_then_streams_say_whose_column_it_is(how, ids):
    left, right = orders(), products()

    joined = left.join(right, left.product == right.product, how)

    assert sorted(values(joined.select(left["id"]), "id")) == ids


def test_join_when_stream_on_the_right_then_right_outer_keeps_stream_rows():
    joined = products().join(orders(), "product", "right")

    assert joined.columns == ["product", "kind", "id", "price", "place"]
    assert sorted(values(joined, "id")) == [1, 2, 3]


def test_join_when_two_streams_or_outer_on_static_then_refused():
    with pytest.raises(UnsupportedOperationError):
        orders().join(orders(), "id")
    with pytest.raises(UnsupportedOperationError):
        orders().join(products(), "product", "right")
    with pytest.raises(ConfigError, match="left"):
        orders().join(products(), "product", "lefft")


def test_join_when_static_table_stands_twice_then_both_are_read():
    static = products()
    joined = (
        orders()
        .alias("o")
        .join(static.alias("a"), F.col("o.product") == F.col("a.product"), "left")
        .join(static.alias("b"), F.col("o.product") == F.col("b.product"), "left")
        .select("o.id", F.col("a.kind").alias("k1"), F.col("b.kind").alias("k2"))
    )

    assert {(r["k1"], r["k2"]) for r in rows(joined)} == {("two", "two"), (None, None)}


def test_join_when_name_is_ambiguous_then_error_says_whose():
    with pytest.raises(PlanError, match="could be any of 2"):
        left, right = orders(), products()
        left.join(right, left.product == right.product).select("product")


SELECTS = {
    "plain": ("SELECT id, price * 2 AS p FROM orders WHERE price > 2", [2]),
    "alias": ("SELECT o.id, o.place.City FROM orders o WHERE o.place.city = 'Bern'", [1]),
    "cte": ("WITH x AS (SELECT * FROM orders) SELECT * EXCEPT (price) FROM x WHERE id < 3", [1, 2]),
    "subquery": ("SELECT id FROM (SELECT id FROM orders WHERE id > 1) q", [2, 3]),
    "left": ("SELECT o.*, p.kind FROM orders o LEFT JOIN products p ON o.product = p.product",
             [1, 2, 3]),
    "using": ("SELECT id, kind FROM orders JOIN products USING (product)", [1]),
    "semi": ("SELECT id FROM orders LEFT SEMI JOIN products USING (product)", [1]),
    "anti": ("SELECT id FROM orders o LEFT ANTI JOIN products p ON o.product = p.product", [2, 3]),
    "right": ("SELECT id FROM products RIGHT JOIN orders USING (product)", [1, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("name", SELECTS)
def test_sql_when_select_is_stateless_then_rows_as_expected(name, declared):
    text, ids = SELECTS[name]

    found = sql(text, orders=orders(declared=declared), products=products(declared=declared))

    assert sorted(values(found, "id")) == ids


@pytest.mark.parametrize(
    "text",
    [
        "SELECT DISTINCT id FROM orders",
        "SELECT count(*) FROM orders GROUP BY product",
        "SELECT id FROM orders ORDER BY id",
        "SELECT id FROM orders LIMIT 1",
        "SELECT id FROM orders UNION ALL SELECT id FROM orders",
        "SELECT row_number() OVER (ORDER BY id) FROM orders",
        "SELECT id FROM orders HAVING id > 1",
        "SELECT id FROM orders CROSS JOIN products",
        "SELECT id FROM orders FULL JOIN products USING (product)",
        "SELECT explode(array(1)) FROM orders",
        "SELECT id FROM orders WHERE id IN (SELECT 1)",
        "INSERT INTO orders SELECT 1",
        "DROP TABLE orders",
        "SELECT id FROM read_csv('/etc/passwd')",
    ],
)
def test_sql_when_more_than_stateless_then_unsupported(text):
    with pytest.raises((UnsupportedOperationError, PlanError)):
        sql(text, orders=orders(), products=products())


def test_sql_when_table_is_unknown_then_near_names():
    with pytest.raises(PlanError, match="did you mean 'orders'"):
        sql("SELECT * FROM order", orders=orders())


@pytest.mark.parametrize("text", ["SELEC 1", "SELECT (", "", "SELECT 1; SELECT 2", "x" * 300_000])
def test_sql_when_not_sql_then_plan_error(text):
    with pytest.raises(PlanError):
        sql(text, orders=orders())


def test_sql_and_methods_when_they_say_the_same_then_same_rows():
    by_sql = sql("SELECT id, upper(product) AS p FROM orders WHERE price > 1", orders=orders())
    by_methods = orders().filter("price > 1").select("id", F.upper("product").alias("p"))

    assert rows(by_sql) == rows(by_methods)


def test_names_when_they_differ_only_in_case_then_exact_match_wins():
    schema = t.schema_of_ddl("a INT, A INT")
    stream = Stream.from_source(Described("orders", schema))
    made = stream.select(F.col("A").alias("x"))
    leaf = leaves_of(made.plan)[0]
    table = pa.Table.from_arrays([pa.array([1], pa.int32()), pa.array([2], pa.int32())], ["a", "A"])

    run = compile_plan(made.plan, {leaf: schema}).run(
        {leaf: RecordBatchReader.from_stream(table)}, now=NOW
    )

    assert pa.table(run.stream).column("x").to_pylist() == [2]


def test_chain_when_a_hundred_columns_are_added_one_by_one_then_it_runs():
    stream = orders().select("id")
    for i in range(100):
        stream = stream.withColumn(f"c{i}", F.col("id") + i)

    assert values(stream, "c99") == [100, 101, 102]


def test_print_schema_and_explain_when_called_then_as_pyspark(capsys):
    made = orders().select("id", "place").filter("id > 1")
    made.printSchema()
    made.explain()

    assert capsys.readouterr().out.splitlines() == [
        "root",
        " |-- id: long (nullable = true)",
        " |-- place: struct (nullable = true)",
        " |    |-- City: string (nullable = true)",
        "Filter id > 1",
        "  Project `id`, `place`",
        "    Source files[orders]",
    ]


def test_column_when_used_as_truth_then_plan_error():
    with pytest.raises(PlanError, match="truth"):
        _ = F.col("a") > 1 and F.col("b") > 1
