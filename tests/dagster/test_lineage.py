from __future__ import annotations

import dagster as dg
import pytest

import lakestream as ls
from lakestream import Stream
from lakestream.dagster import LakestreamTranslator, build_assets
from lakestream.dagster.lineage import Lineage
from lakestream.dagster.names import IO_MANAGER_KEY
from lakestream.errors import ConfigError
from lakestream.streaming_table import StreamingTable


@ls.streaming_table("s3://lake/bronze/orders", key_prefix="shop", owners=["a@b.io"], kinds=["x"])
def bronze() -> Stream:
    """Orders as they land."""
    return ls.read_files("s3://landing/orders", format="json")


@ls.streaming_table("s3://lake/reference/products")
def products() -> Stream:
    return ls.read_files("s3://landing/products", format="csv", asset_key=["erp", "products"])


@ls.streaming_table("s3://lake/silver/orders", deps=["calendar"])
def silver(bronze: Stream) -> Stream:
    known = bronze.join(ls.table("s3://lake/reference/products"), on="product", how="left")
    return known.join(ls.table("s3://elsewhere/rates"), on="currency", how="left")


@ls.streaming_table("s3://lake/gold/orders")
def gold(silver: Stream) -> Stream:
    return silver


TABLES = [gold, silver, bronze, products]


def keys(*texts: str) -> set[dg.AssetKey]:
    return {dg.AssetKey.from_user_string(text) for text in texts}


def deps_of(table: StreamingTable) -> set[dg.AssetKey]:
    spec = Lineage(TABLES, LakestreamTranslator()).spec(table)
    return {dep.asset_key for dep in spec.deps}


def test_dependencies_when_tables_and_locations_are_read_then_all_are_there() -> None:
    assert deps_of(bronze) == keys("s3/landing/orders_files")
    assert deps_of(products) == keys("erp/products")
    assert deps_of(gold) == keys("silver")


def test_dependencies_when_a_static_table_is_a_streaming_one_then_it_is_that_asset() -> None:
    assert deps_of(silver) == keys(
        "shop/bronze", "products", "s3/elsewhere/rates_delta", "calendar"
    )


def test_order_when_tables_are_declared_backwards_then_inputs_come_first() -> None:
    order = [table.name for table in Lineage(TABLES, LakestreamTranslator()).tables]
    assert order == ["bronze", "products", "silver", "gold"]


def test_downstream_when_a_table_has_news_then_streams_follow_and_static_reads_do_not() -> None:
    lineage = Lineage(TABLES, LakestreamTranslator())
    assert lineage.downstream([bronze]) == {silver, gold}
    assert lineage.downstream([products]) == set()


def test_spec_when_translated_then_it_shows_what_was_declared() -> None:
    spec = LakestreamTranslator().get_asset_spec(bronze)
    assert spec.key == dg.AssetKey(["shop", "bronze"])
    assert spec.description == "Orders as they land."
    assert spec.owners == ["a@b.io"]
    assert spec.kinds == {"deltalake", "s3", "x"}
    assert spec.metadata["dagster/uri"] == "s3://lake/bronze/orders"
    assert spec.metadata["dagster/io_manager_key"] == IO_MANAGER_KEY


def test_sources_when_read_from_outside_then_each_location_is_one_external_asset() -> None:
    assets = build_assets(TABLES)
    external = {each.key for each in assets if isinstance(each, dg.AssetSpec)}
    assert external == keys("s3/landing/orders_files", "erp/products", "s3/elsewhere/rates_delta")


def test_translator_when_it_changes_keys_then_lineage_follows() -> None:
    class Prefixed(LakestreamTranslator):
        def get_asset_spec(self, table: StreamingTable) -> dg.AssetSpec:
            spec = super().get_asset_spec(table)
            return spec.replace_attributes(key=spec.key.with_prefix("eu"))

    spec = Lineage(TABLES, Prefixed()).spec(gold)
    assert spec.key == dg.AssetKey(["eu", "gold"])
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["eu", "silver"])]


def test_tables_when_one_is_listed_twice_then_an_error_names_it() -> None:
    with pytest.raises(ConfigError, match="two streaming tables have the name 'bronze'"):
        build_assets([bronze, bronze])


def test_tables_when_there_are_none_then_an_error() -> None:
    with pytest.raises(ConfigError, match="there is no streaming table"):
        build_assets([])


def test_sources_when_two_locations_share_a_key_then_an_error_names_both() -> None:
    @ls.streaming_table("s3://lake/other")
    def other() -> Stream:
        return ls.read_files("s3://landing/others", format="csv", asset_key=["erp", "products"])

    with pytest.raises(ConfigError, match="share the key erp/products"):
        build_assets([products, other])


def test_tables_when_one_is_a_stream_then_an_error_names_its_kind() -> None:
    with pytest.raises(ConfigError, match="Stream is no streaming table"):
        build_assets([ls.read_files("landing", format="json")])  # type: ignore[list-item]  # the fault under test
